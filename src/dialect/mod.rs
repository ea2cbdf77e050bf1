//! The list of dialects: one file a system, text in, settings and notes out. Nothing here opens a file.
