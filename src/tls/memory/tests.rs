use super::*;
use crate::tls::testing::alone;
use std::collections::HashSet;
use std::thread;

const SLAB: usize = slab::SLAB;

/// Has this process ready for heaps, without libcrypto, which other tests have used by now.
fn owner() -> Owner {
    assert!(reserve());
    own()
}

fn take(size: usize) -> *mut u8 {
    // SAFETY: any size may be asked for.
    unsafe { allocate(size, ptr::null(), 0) }.cast()
}

fn put(block: *mut u8) {
    // SAFETY: the tests give each block back once, but for those that are about that.
    unsafe { free(block.cast(), ptr::null(), 0) };
}

/// Frees blocks in a thread without a heap.
fn put_elsewhere(blocks: &[*mut u8]) {
    let blocks: Vec<_> = blocks
        .iter()
        .map(|block| block.expose_provenance())
        .collect();
    let free = move || {
        for block in blocks {
            put(ptr::with_exposed_provenance_mut(block));
        }
    };
    thread::spawn(free).join().expect("no panic");
}

fn resize(block: *mut u8, size: usize) -> *mut u8 {
    // SAFETY: as in `put`.
    unsafe { reallocate(block.cast(), size, ptr::null(), 0) }.cast()
}

fn fill(block: *mut u8, size: usize, with: u8) {
    // SAFETY: the block has so many bytes.
    unsafe { block.write_bytes(with, size) };
}

fn holds(block: *mut u8, size: usize, what: u8) -> bool {
    // SAFETY: the block has so many bytes, which were written.
    let bytes = unsafe { std::slice::from_raw_parts(block, size) };
    bytes.iter().all(|byte| *byte == what)
}

fn is_of_slab(block: *mut u8) -> bool {
    of_slab(block.cast()).is_some()
}

/// Sizes from small to larger than all blocks, in no order.
fn sizes() -> impl Iterator<Item = usize> {
    let mut state = 1_u64;
    std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let bits = (state >> 60) as u32 % 15 + 1;
        1 + (state >> 20) as usize % (1 << bits)
    })
}

#[test]
fn blocks_are_aligned_and_hold_what_was_written_while_others_come_and_go() {
    let _owner = owner();
    let mut held: Vec<(*mut u8, usize, u8)> = Vec::new();
    for (count, size) in (0_usize..).zip(sizes()).take(60_000) {
        let mark = count as u8;
        let block = take(size);
        assert_eq!(block.addr() % 16, 0);
        fill(block, size, mark);
        held.push((block, size, mark));
        if held.len() > 3_000 || count % 3 == 0 {
            let (block, size, mark) = held.swap_remove(count.wrapping_mul(7919) % held.len());
            assert!(holds(block, size, mark), "{size}");
            put(block);
        }
    }
    for (block, size, mark) in held {
        assert!(holds(block, size, mark), "{size}");
        put(block);
    }
}

#[test]
fn what_is_large_and_what_other_threads_take_is_the_systems() {
    let owner = owner();
    let (small, large) = (take(100), take(100_000));
    assert!(is_of_slab(small) && !is_of_slab(large));
    let others = thread::spawn(|| take(100).expose_provenance()).join();
    let others = ptr::with_exposed_provenance_mut(others.expect("no panic"));
    assert!(!is_of_slab(others));
    [large, others].into_iter().for_each(put);
    drop(owner);
    put(small); // nobody's heap now
    let without = take(100);
    assert!(!is_of_slab(without));
    put(without);
}

#[test]
fn a_resized_block_keeps_its_content_wherever_it_goes() {
    let _owner = owner();
    assert!(take(0).is_null());
    put(ptr::null_mut());
    let mut block = resize(ptr::null_mut(), 10);
    fill(block, 10, 7);
    assert_eq!(resize(block, 16), block, "it fits");
    for size in [17, 5_000, 100_000, 200_000] {
        block = resize(block, size);
        assert!(holds(block, 10, 7), "{size}");
    }
    assert!(!is_of_slab(block));
    assert!(resize(block, 0).is_null());
    let block = resize(take(1000), 30);
    assert!(is_of_slab(block));
    assert!(resize(block, 0).is_null());
}

#[test]
fn slabs_that_are_empty_serve_blocks_of_any_size() {
    let _owner = owner();
    let slabs = |size: usize| -> HashSet<usize> {
        let blocks: Vec<_> = (0..1_000_000 / size).map(|_| take(size)).collect();
        let slabs = blocks.iter().map(|block| block.addr() / SLAB).collect();
        blocks.into_iter().for_each(put);
        slabs
    };
    let first = slabs(7_608);
    let second = slabs(960);
    assert!(first.len() > 14);
    assert!(
        second.difference(&first).count() <= 1,
        "the last one stays with its class"
    );
}

#[test]
fn trimmed_memory_goes_to_the_system_and_comes_back_empty() {
    let _owner = owner();
    let blocks: Vec<_> = (0..100).map(|_| take(7_608)).collect();
    for block in &blocks {
        fill(*block, 7_608, 9);
    }
    let kept = take(7_608);
    fill(kept, 7_608, 8);
    blocks.into_iter().for_each(put);
    trim();
    assert!(holds(kept, 7_608, 8));
    let again: Vec<_> = (0..100).map(|_| take(7_608)).collect();
    // What shares a slab with the one that was kept was not given back.
    let new = again
        .iter()
        .filter(|block| block.addr() / SLAB != kept.addr() / SLAB);
    for block in new {
        assert!(holds(*block, 7_608, 0));
    }
    again.into_iter().for_each(put);
    put(kept);
}

#[test]
fn what_other_threads_return_is_used_again() {
    let _owner = owner();
    let blocks = || -> Vec<usize> {
        let taken = (0..2_000).map(|_| take(500).expose_provenance());
        taken.collect()
    };
    let first = blocks();
    let returned = first.clone();
    let others: Vec<_> = returned
        .chunks(500)
        .map(|part| part.to_vec())
        .map(|part| {
            thread::spawn(move || {
                for block in part {
                    put(ptr::with_exposed_provenance_mut(block));
                }
            })
        })
        .collect();
    others
        .into_iter()
        .for_each(|other| other.join().expect("no panic"));
    let second = blocks();
    let known: HashSet<_> = first.into_iter().collect();
    let again = second.iter().filter(|block| known.contains(block)).count();
    assert!(again > 1_800, "{again}");
    for block in second {
        put(ptr::with_exposed_provenance_mut(block));
    }
}

#[test]
fn the_heap_of_a_thread_that_has_ended_is_the_next_ones() {
    let block = thread::spawn(|| {
        let _owner = owner();
        take(500).expose_provenance()
    });
    let block = block.join().expect("no panic");
    put(ptr::with_exposed_provenance_mut(block)); // by a thread without a heap
    let next = thread::spawn(|| {
        let _owner = owner();
        let taken: Vec<_> = (0..200).map(|_| take(500).expose_provenance()).collect();
        taken
    });
    assert!(next.join().expect("no panic").contains(&block));
}

#[test]
#[cfg(target_os = "linux")]
fn keys_in_it_are_in_no_core_file() {
    let _owner = owner();
    let block = take(64);
    let maps = std::fs::read_to_string("/proc/self/smaps").expect("there");
    let mut inside = false;
    let flags = maps.lines().find_map(|line| {
        let range = line
            .split_once(' ')
            .and_then(|(range, _)| range.split_once('-'));
        if let Some((from, to)) = range {
            let [from, to] = [from, to].map(|end| usize::from_str_radix(end, 16).expect("hex"));
            inside = (from..to).contains(&block.addr());
        }
        line.strip_prefix("VmFlags:").filter(|_| inside)
    });
    let flags = flags.expect("the block is mapped");
    assert!(flags.split(' ').any(|flag| flag == "dd"), "{flags}");
    put(block);
}

/// Does what is wrong in a process of its own, which has to be ended by it.
fn ends_the_process(test: &str, wrong: impl FnOnce()) {
    use std::os::unix::process::ExitStatusExt;
    let body = || {
        let _owner = owner();
        wrong();
    };
    if let Some(output) = alone(&format!("tls::memory::tests::{test}"), body) {
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
        assert!(said.contains("freed twice"), "{said}");
    }
}

#[test]
fn a_block_freed_twice_ends_the_process() {
    ends_the_process("a_block_freed_twice_ends_the_process", || {
        let (first, second) = (take(64), take(64));
        put(first);
        put(second);
        put(first);
    });
}

#[test]
fn a_free_block_that_was_written_to_ends_the_process() {
    ends_the_process("a_free_block_that_was_written_to_ends_the_process", || {
        let block = take(64);
        put(block);
        fill(block, 8, 0x41);
        take(64);
    });
}

#[test]
fn a_byte_that_was_written_to_a_free_block_ends_the_process() {
    ends_the_process(
        "a_byte_that_was_written_to_a_free_block_ends_the_process",
        || {
            let (first, second) = (take(64), take(64));
            put(first);
            put(second);
            // SAFETY: nobody has it. As a count of references that is lowered once too often.
            unsafe { *second ^= 0x50 };
            take(64);
        },
    );
}

#[test]
fn a_block_freed_by_its_owner_and_by_another_thread_ends_the_process() {
    ends_the_process(
        "a_block_freed_by_its_owner_and_by_another_thread_ends_the_process",
        || {
            let (block, _others) = (take(64), take(64));
            put(block);
            put_elsewhere(&[block]);
            trim(); // takes in what was returned
        },
    );
}

#[test]
fn a_block_freed_twice_by_other_threads_ends_the_process() {
    ends_the_process(
        "a_block_freed_twice_by_other_threads_ends_the_process",
        || {
            let (block, _others) = (take(64), take(64));
            put_elsewhere(&[block, block]);
            trim();
        },
    );
}

#[test]
fn a_returned_block_that_was_written_to_ends_the_process() {
    ends_the_process(
        "a_returned_block_that_was_written_to_ends_the_process",
        || {
            let (block, mut target) = (take(64), 7_u64);
            put_elsewhere(&[block]);
            let aim = (&raw mut target).expose_provenance().to_ne_bytes();
            for at in [0, 8] {
                // SAFETY: nobody has it.
                unsafe {
                    block
                        .add(at)
                        .copy_from_nonoverlapping(aim.as_ptr(), aim.len())
                };
            }
            trim();
        },
    );
}

#[test]
fn a_block_that_looks_as_if_it_were_free_is_freed() {
    let _owner = owner();
    let (looks, other) = (take(64).cast::<u64>(), take(64));
    put(other);
    // SAFETY: the block is ours.
    unsafe { looks.write(secret()) }; // as the last of a list
    put(looks.cast());
    assert_eq!(take(64), looks.cast());
}
