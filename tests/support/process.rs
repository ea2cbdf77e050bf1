//! What the system says of a process.

use std::fs;
use std::process::Command;

/// Sends a signal, by name.
pub(crate) fn signal(pid: u32, name: &str) {
    // The shell's own: `kill` as a program is not on every machine.
    let status = Command::new("sh")
        .args(["-c", &format!("kill -{name} {pid}")])
        .status()
        .unwrap();
    assert!(status.success(), "kill -{name} {pid}");
}

/// Most memory a process had at once, in bytes.
pub(crate) fn peak_memory(pid: u32) -> u64 {
    memory(pid, "VmHWM:")
}

/// Memory a process has of its own, in bytes: not what it has of files.
pub(crate) fn own_memory(pid: u32) -> u64 {
    memory(pid, "RssAnon:")
}

fn memory(pid: u32, kind: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(kind));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes.unwrap().parse::<u64>().unwrap() * 1024
}

/// Processor time a process has used, in clock ticks: a hundred a second.
pub(crate) fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The second field is the name in brackets, which may hold anything.
    let (_, rest) = stat.rsplit_once(')').unwrap();
    let mut fields = rest.split_whitespace().skip(11); // utime and stime are the fields 14 and 15
    let mut next = || fields.next().unwrap().parse::<u64>().unwrap();
    next() + next()
}

/// Open descriptors of a process.
pub(crate) fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// Lets this process have many descriptors open, as far as the system allows.
pub(crate) fn raise_descriptor_limit(wanted: u64) {
    let pid = std::process::id().to_string();
    let raised = Command::new("prlimit")
        .args(["--pid", &pid, &format!("--nofile={wanted}:")])
        .status();
    assert!(
        raised.is_ok_and(|status| status.success()),
        "cannot raise the limit of open files to {wanted}"
    );
}
