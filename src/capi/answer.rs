//! The answer handle: what a server of HTTP has answered, and perhaps the channel that comes of it.

use super::channel::ChannelObject;
use super::handle::{self, Handle, Object};
use super::stage::Stage;
use super::{entry, freeing, place, text, usage};
use crate::client::Answer;
use crate::error::{Error, Problems};
use std::ffi::{CString, c_char, c_int, c_void};
use std::ptr;

/// What `tlsport_answer` stands for.
pub(super) struct AnswerObject {
    /// Head and body have a zero byte behind them, which is not counted.
    answer: Answer,
    /// The value that was lent last.
    lent: CString,
}

impl Object for AnswerObject {
    const NUMBER: u32 = 7;
    const NAME: &'static str = "answer";
}

impl AnswerObject {
    pub(super) fn give(mut answer: Answer) -> *mut Handle<AnswerObject> {
        for text in [&mut answer.head, &mut answer.body] {
            text.reserve_exact(1);
            text.push(0);
        }
        handle::give(AnswerObject {
            answer,
            lent: CString::default(),
        })
    }
}

/// Lets `body` use an answer, alone.
///
/// # Safety
/// As [`handle::alone`].
unsafe fn with_answer<R>(
    answer: *mut Handle<AnswerObject>,
    body: impl FnOnce(&mut AnswerObject) -> Result<R, Error>,
) -> Result<R, Problems> {
    // SAFETY: promised by the caller.
    Ok(unsafe { handle::alone(answer, body) }??)
}

/// Lends a part of an answer, and tells how long it is to who wants to know.
///
/// # Safety
/// As [`handle::alone`]; `len` is null, or points to a number that nobody else uses.
unsafe fn part(
    answer: *mut Handle<AnswerObject>,
    len: *mut usize,
    pick: fn(&Answer) -> &Vec<u8>,
) -> Result<*const u8, Problems> {
    // SAFETY: promised by the caller, not null where it is written to, and aligned.
    unsafe {
        with_answer(answer, |object| {
            let part = pick(&object.answer);
            if !len.is_null() {
                place(len, "len")?.write(part.len() - 1);
            }
            Ok(part.as_ptr())
        })
    }
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_answer_status(answer: *mut Handle<AnswerObject>) -> c_int {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_answer_status", || unsafe {
        with_answer(answer, |object| Ok(object.answer.status.into()))
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_answer_header(
    answer: *mut Handle<AnswerObject>,
    name: *const c_char,
) -> *const c_char {
    // SAFETY: the header asks for a handle and a string, or null.
    entry("tlsport_answer_header", || unsafe {
        let name = text(name, "name")?;
        with_answer(answer, |object| {
            let Some(value) = object.answer.header(name) else {
                return Ok(ptr::null());
            };
            // No zero byte gets into a head.
            object.lent = CString::new(value).unwrap_or_default();
            Ok(object.lent.as_ptr())
        })
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_answer_head(
    answer: *mut Handle<AnswerObject>,
    len: *mut usize,
) -> *const c_char {
    // SAFETY: the header asks for a handle or null, and for a number or null.
    entry("tlsport_answer_head", || unsafe {
        Ok(part(answer, len, |answer| &answer.head)?.cast())
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_answer_body(
    answer: *mut Handle<AnswerObject>,
    len: *mut usize,
) -> *const c_void {
    // SAFETY: the header asks for a handle or null, and for a number or null.
    entry("tlsport_answer_body", || unsafe {
        Ok(part(answer, len, |answer| &answer.body)?.cast())
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_answer_channel(
    answer: *mut Handle<AnswerObject>,
) -> *mut Handle<ChannelObject> {
    // SAFETY: the header asks for a handle or null.
    entry("tlsport_answer_channel", || unsafe {
        with_answer(answer, |object| match object.answer.link.take() {
            Some(link) => Ok(ChannelObject::give(Stage::open(link))),
            None => Err(usage("the answer has no channel, or no more")),
        })
    })
}

/// See the header.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn tlsport_answer_free(answer: *mut Handle<AnswerObject>) {
    // SAFETY: the header asks for a handle or null.
    freeing("tlsport_answer_free", || unsafe {
        handle::take(answer)?;
        Ok(())
    });
}
