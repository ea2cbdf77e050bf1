//! The sizes of blocks. Steps are fine, so that a block is hardly larger than what was asked for: glibc adds eight bytes
//! and rounds up to sixteen, and allocators with coarse steps lose a tenth.

/// Blocks up to `to` bytes, by steps of `by`.
struct Range {
    to: usize,
    by: usize,
}

const SMALL: Range = Range { to: 1024, by: 16 };
/// An `SSL` is among these.
const MIDDLE: Range = Range { to: 8192, by: 64 };
/// libssl's buffers of one record are among these.
const LARGE: Range = Range {
    to: 20 * 1024,
    by: 1024,
};

const MIDDLE_FROM: usize = SMALL.to / SMALL.by;
const LARGE_FROM: usize = MIDDLE_FROM + (MIDDLE.to - SMALL.to) / MIDDLE.by;

/// How many classes there are.
pub(super) const COUNT: usize = LARGE_FROM + (LARGE.to - MIDDLE.to) / LARGE.by;

/// The class of blocks for `size` bytes; none for nothing, and for what is larger than all of them.
#[inline]
pub(super) fn of(size: usize) -> Option<usize> {
    match size {
        0 => None,
        _ if size <= SMALL.to => Some((size - 1) / SMALL.by),
        _ if size <= MIDDLE.to => Some(MIDDLE_FROM + (size - SMALL.to - 1) / MIDDLE.by),
        _ if size <= LARGE.to => Some(LARGE_FROM + (size - MIDDLE.to - 1) / LARGE.by),
        _ => None,
    }
}

/// How large the blocks of a class are.
pub(super) fn size(class: usize) -> usize {
    if class < MIDDLE_FROM {
        (class + 1) * SMALL.by
    } else if class < LARGE_FROM {
        SMALL.to + (class - MIDDLE_FROM + 1) * MIDDLE.by
    } else {
        MIDDLE.to + (class - LARGE_FROM + 1) * LARGE.by
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_the_smallest_that_is_large_enough() {
        assert_eq!(of(0), None);
        assert_eq!(of(LARGE.to + 1), None);
        for asked in 1..=LARGE.to {
            let class = of(asked).expect("in range");
            assert!(class < COUNT && size(class) >= asked);
            assert!(class == 0 || size(class - 1) < asked, "{asked}");
            assert_eq!(size(class) % 16, 0, "aligned for anything");
        }
    }
}
