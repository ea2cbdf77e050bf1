//! How handles are owned: a handle is the address of a slot, and a slot is never given back to the allocator.
//!
//! So a handle that was freed can be told from a living one without touching freed memory, until its slot is given
//! out again, which the longest free is first. A slot says what it holds and who uses it: one caller alone, or,
//! for what is shared, several. A caller who comes at the wrong time is refused and does not wait.

use super::usage;
use crate::error::Error;
use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// What can stand behind a handle.
pub(super) trait Object: Send + Sized {
    /// Tells it from the others; not 0.
    const NUMBER: u32;
    /// What messages call it.
    const NAME: &'static str;
}

/// What the C type of a handle points to. Only ever used by address.
#[repr(transparent)]
pub struct Handle<T> {
    slot: Slot,
    of: PhantomData<T>,
}

struct Slot {
    /// Nobody (0), that many at once, or one alone ([`ALONE`]).
    users: AtomicU32,
    /// [`Object::NUMBER`]; 0 in a free slot. Changed by who is alone, or is about to be for good.
    number: AtomicU32,
    /// From `Box::into_raw` of what `number` says. Touched by users.
    value: UnsafeCell<*mut ()>,
}

// SAFETY: the value is reached through `users` only, as a lock, and every Object is Send; sharing asks for Sync.
unsafe impl Send for Slot {}
// SAFETY: as above.
unsafe impl Sync for Slot {}

const ALONE: u32 = u32::MAX;

/// Slots that are free, the longest free first.
static FREE: Mutex<VecDeque<&'static Slot>> = Mutex::new(VecDeque::new());

/// So many slots rest before one is given out again: a handle that was freed is known as such for a while.
const RESTING: usize = 256;

/// Makes a handle that owns `value`.
pub(super) fn give<T: Object>(value: T) -> *mut Handle<T> {
    let slot = vacant();
    // SAFETY: the slot was taken out of the free ones, where each is once: nobody else writes it. A stale handle may
    // look at it, and sees no number until the store below.
    unsafe { *slot.value.get() = Box::into_raw(Box::new(value)).cast() };
    slot.number.store(T::NUMBER, Release);
    ptr::from_ref(slot).cast_mut().cast()
}

fn vacant() -> &'static Slot {
    let mut free = FREE.lock().unwrap_or_else(|poison| poison.into_inner());
    let rested = if free.len() > RESTING {
        free.pop_front()
    } else {
        None
    };
    rested.unwrap_or_else(|| {
        Box::leak(Box::new(Slot {
            users: AtomicU32::new(0),
            number: AtomicU32::new(0),
            value: UnsafeCell::new(ptr::null_mut()),
        }))
    })
}

/// Lets `body` use what a handle stands for, alone.
///
/// # Safety
/// `handle` is null or was made by [`give`], of whatever type, freed or not.
pub(super) unsafe fn alone<T: Object, R>(
    handle: *const Handle<T>,
    body: impl FnOnce(&mut T) -> R,
) -> Result<R, Error> {
    // SAFETY: promised by the caller.
    let mut using = unsafe { Using::begin(handle, ALONE) }?;
    // SAFETY: the slot holds a T, as `begin` saw, and `ALONE` keeps others out until `using` is dropped.
    Ok(body(unsafe { using.value.as_mut() }))
}

/// Lets `body` use what a handle stands for, beside others.
///
/// # Safety
/// As [`alone`].
pub(super) unsafe fn shared<T: Object + Sync, R>(
    handle: *const Handle<T>,
    body: impl FnOnce(&T) -> R,
) -> Result<R, Error> {
    // SAFETY: promised by the caller.
    let using = unsafe { Using::begin(handle, 1) }?;
    // SAFETY: the slot holds a T, as `begin` saw, and whoever wants to be alone is kept out until `using` is dropped.
    Ok(body(unsafe { using.value.as_ref() }))
}

/// Takes the value back out of its handle, which is a freed one from then on. `None` for null.
///
/// # Safety
/// As [`alone`].
pub(super) unsafe fn take<T: Object>(handle: *mut Handle<T>) -> Result<Option<T>, Error> {
    if handle.is_null() {
        return Ok(None);
    }
    // SAFETY: promised by the caller.
    let using = unsafe { Using::begin(handle, ALONE) }?;
    using.slot.number.store(0, Relaxed);
    // SAFETY: begun as that.
    Ok(Some(unsafe { empty(using) }))
}

/// The same for what is shared: turns away whoever comes, and waits until those who are using it have done.
///
/// # Safety
/// As [`alone`].
pub(super) unsafe fn retire<T: Object + Sync>(handle: *mut Handle<T>) -> Result<Option<T>, Error> {
    if handle.is_null() {
        return Ok(None);
    }
    // SAFETY: promised by the caller.
    let mut using = unsafe { Using::begin(handle, 1) }?;
    let Slot { users, number, .. } = using.slot;
    let first = number.compare_exchange(T::NUMBER, 0, Relaxed, Relaxed);
    first.map_err(|_| gone(T::NAME))?; // another call retires it
    while users.compare_exchange(1, ALONE, Acquire, Relaxed).is_err() {
        std::thread::yield_now();
    }
    using.alone = true;
    // SAFETY: the only user is alone now.
    Ok(Some(unsafe { empty(using) }))
}

/// Gives up a slot whose number is 0 already.
///
/// # Safety
/// `using` is alone.
unsafe fn empty<T: Object>(using: Using<T>) -> T {
    let slot = using.slot;
    // SAFETY: the value came from a Box of a T in `give`, and nobody else reaches it: who is alone keeps others out,
    // and after that the number does.
    let value = unsafe { Box::from_raw(using.value.as_ptr()) };
    drop(using);
    let mut free = FREE.lock().unwrap_or_else(|poison| poison.into_inner());
    free.push_back(slot);
    *value
}

fn gone(name: &str) -> Error {
    usage(format!("the {name} was freed, or is something else"))
}

/// A slot in use.
struct Using<T> {
    slot: &'static Slot,
    value: NonNull<T>,
    alone: bool,
}

impl<T: Object> Using<T> {
    /// # Safety
    /// As [`alone`].
    unsafe fn begin(handle: *const Handle<T>, users: u32) -> Result<Using<T>, Error> {
        let name = T::NAME;
        if handle.is_null() {
            return Err(usage(format!("the {name} is null")));
        }
        if !handle.is_aligned() {
            return Err(usage(format!("the {name} is no handle")));
        }
        // SAFETY: promised by the caller: a slot, and slots live for ever.
        let slot: &'static Slot = unsafe { &*handle.cast() };
        let entered = slot
            .users
            .fetch_update(Acquire, Relaxed, |now| match (now, users) {
                (0, _) => Some(users),
                (ALONE, _) | (_, ALONE) => None,
                (now, one) => now.checked_add(one).filter(|sum| *sum != ALONE),
            });
        if entered.is_err() {
            return Err(usage(format!("the {name} is in use by another call")));
        }
        let mut using = Using {
            slot,
            value: NonNull::dangling(),
            alone: users == ALONE,
        };
        if slot.number.load(Acquire) != T::NUMBER {
            return Err(gone(name));
        }
        // SAFETY: we are among the users, so the value stays; with this number it is the pointer `give` made of a T.
        let value = NonNull::new(unsafe { *slot.value.get() }.cast());
        using.value = value.ok_or_else(|| usage(format!("the {name} is empty")))?;
        Ok(using)
    }
}

impl<T> Drop for Using<T> {
    fn drop(&mut self) {
        if self.alone {
            self.slot.users.store(0, Release);
        } else {
            self.slot.users.fetch_sub(1, Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    struct Apple(Arc<()>);
    struct Pear;

    impl Object for Apple {
        const NUMBER: u32 = 1001;
        const NAME: &'static str = "apple";
    }

    impl Object for Pear {
        const NUMBER: u32 = 1002;
        const NAME: &'static str = "pear";
    }

    fn refusal<T: Object>(handle: *const Handle<T>) -> String {
        // SAFETY: every handle in these tests is null or was made by `give`.
        let used = unsafe { alone(handle, |_| ()) };
        used.map_or_else(|error| error.to_string(), |()| "used".into())
    }

    #[test]
    fn a_value_is_freed_once_and_its_handle_known_as_freed() {
        let witness = Arc::new(());
        let handle = give(Apple(Arc::clone(&witness)));
        assert_eq!(refusal(handle), "used");
        // SAFETY: made above.
        let taken = unsafe { take(handle) };
        assert!(
            taken.is_ok_and(|value| value.is_some_and(|apple| Arc::strong_count(&apple.0) == 2))
        );
        assert_eq!(Arc::strong_count(&witness), 1);
        assert_eq!(refusal(handle), "the apple was freed, or is something else");
        // SAFETY: made above, and freed since.
        assert!(unsafe { take(handle) }.is_err());
    }

    #[test]
    fn what_is_retired_turns_away_whoever_comes_and_waits_for_who_is_there() {
        let witness = Arc::new(());
        let handle = give(Apple(Arc::clone(&witness))).expose_provenance();
        let (began, begun) = std::sync::mpsc::channel();
        let busy = move |began: std::sync::mpsc::Sender<()>| {
            let handle = ptr::with_exposed_provenance::<Handle<Apple>>(handle);
            let rest = std::time::Duration::from_millis(2);
            let used = |apple: &Apple| {
                thread::sleep(rest);
                assert!(Arc::strong_count(&apple.0) == 2);
            };
            // SAFETY: made above.
            while unsafe { shared(handle, used) }.is_ok() {
                let _ = began.send(());
            }
        };
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let began = began.clone();
                thread::spawn(move || busy(began))
            })
            .collect();
        begun.recv().unwrap();
        let raw = ptr::with_exposed_provenance_mut::<Handle<Apple>>(handle);
        // SAFETY: made above.
        assert!(unsafe { retire(raw) }.is_ok_and(|value| value.is_some()));
        // SAFETY: made above, and freed since.
        assert!(unsafe { retire(raw) }.is_err());
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(Arc::strong_count(&witness), 1);
    }

    #[test]
    fn null_and_another_type_are_refused() {
        let handle = give(Pear);
        assert_eq!(
            refusal(handle.cast::<Handle<Apple>>()),
            "the apple was freed, or is something else"
        );
        assert_eq!(refusal::<Pear>(ptr::null()), "the pear is null");
        // SAFETY: null is nothing.
        assert!(unsafe { take::<Pear>(ptr::null_mut()) }.is_ok_and(|none| none.is_none()));
        // SAFETY: made above.
        assert!(unsafe { take(handle) }.is_ok());
    }

    #[test]
    fn one_alone_keeps_others_out_and_sharers_let_each_other_in() {
        let handle = give(Pear);
        // SAFETY: made above; the calls inside see that it is in use.
        unsafe {
            let inner = alone(handle, |_| {
                shared(handle, |_| ()).map_err(|error| error.to_string())
            });
            let in_use = "the pear is in use by another call".to_owned();
            assert_eq!(inner.ok(), Some(Err(in_use)));
            let inner = shared(handle, |_| {
                (shared(handle, |_| ()).is_ok(), take(handle).is_err())
            });
            assert_eq!(inner.ok(), Some((true, true)));
            assert!(take(handle).is_ok());
        }
    }

    #[test]
    fn threads_that_come_and_go_never_meet() {
        let handle = give(Apple(Arc::new(()))).expose_provenance();
        let inside = AtomicU32::new(0);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let handle = ptr::with_exposed_provenance::<Handle<Apple>>(handle);
                        // SAFETY: made above, and freed below only.
                        let _ = unsafe {
                            alone(handle, |_| {
                                assert_eq!(inside.fetch_add(1, Relaxed), 0);
                                thread::yield_now();
                                inside.fetch_sub(1, Relaxed);
                            })
                        };
                    }
                });
            }
        });
        // SAFETY: made above.
        assert!(unsafe { take(ptr::with_exposed_provenance_mut::<Handle<Apple>>(handle)) }.is_ok());
    }
}
