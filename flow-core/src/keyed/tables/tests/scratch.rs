//! Scratch that holds large groups, is full, or fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::{Collected, Tables};
use crate::exec::guard_step;
use crate::group::{Collect, Group};
use crate::keyed::hash::key_hash;
use crate::keyed::kernel::{Kernel, Keyed};
use crate::scratch::{Blob, MemoryScratch, Scratch, Space};
use crate::window::Windowing;
use crate::{BoxError, Bundle, ErrorKind, Result, StepLabel, Timestamp};

/// Scratch on a disk that has room for so many bytes.
#[derive(Debug)]
struct Small(usize);

#[derive(Debug)]
struct SmallBlob(usize);

/// Scratch that cannot be read any more once somebody says so.
#[derive(Clone, Debug, Default)]
struct Breaking(Arc<AtomicBool>);

#[derive(Debug)]
struct BreakingBlob(Box<dyn Blob>, Breaking);

impl Scratch for Breaking {
    fn blob(&self) -> Result<Box<dyn Blob>, BoxError> {
        Ok(Box::new(BreakingBlob(MemoryScratch.blob()?, self.clone())))
    }
}

impl Blob for BreakingBlob {
    fn append(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        self.0.append(bytes)
    }

    fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), BoxError> {
        let broken = self.1.0.load(Ordering::SeqCst);
        if broken { Err("the disk is gone".into()) } else { self.0.read(offset, into) }
    }
}

impl Scratch for Small {
    fn blob(&self) -> Result<Box<dyn Blob>, BoxError> {
        Ok(Box::new(SmallBlob(self.0)))
    }
}

impl Blob for SmallBlob {
    fn append(&mut self, bytes: &[u8]) -> Result<(), BoxError> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or("the disk is full")?;
        Ok(())
    }

    fn read(&self, _: u64, _: &mut [u8]) -> Result<(), BoxError> {
        Err("the disk cannot be read".into())
    }
}

/// The group of one key, of a million values.
fn large_group(scratch: impl Scratch + 'static) -> Result<Group<u64>> {
    let space = Space::new(Arc::new(scratch), 1 << 16);
    let mut kernel: Tables<u8, u64, Collect<u64>, Collected> =
        Tables::new(Collect::new(), &Windowing::default(), 0, space);
    for hundred in 0..10_000 {
        let bundle = Bundle::of((0..100).map(|n| (7, 100 * hundred + n)).collect());
        let hashes = vec![key_hash(&7_u8); 100];
        kernel.add(&mut Keyed { bundle, hashes }, 1)?;
    }
    let mut out = Bundle::default();
    Kernel::<u8, u64, _>::advance(&mut kernel, Timestamp::MAX, Timestamp::MIN);
    while Kernel::<u8, u64, _>::poll(&mut kernel, &mut out)? {}
    Ok(out.values.remove(0).1)
}

#[test]
fn a_full_disk_is_an_error_that_says_what_would_be_lost() {
    for room in [0, 50_000] {
        let error = large_group(Small(room)).expect_err("there is no room");
        assert_eq!(error.kind(), ErrorKind::Storage);
        assert_eq!(
            error.report(),
            "what does not fit into memory cannot be kept in scratch space, and results would miss it: the disk is full"
        );
    }
}

#[test]
fn scratch_that_cannot_be_read_is_an_error() {
    let error = large_group(Small(usize::MAX)).expect_err("nothing can be read");
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.report().ends_with("the disk cannot be read"), "{}", error.report());
}

#[test]
fn a_large_group_is_gone_through_again_and_by_its_clones() {
    let group = large_group(MemoryScratch).unwrap();
    let clone = group.clone();
    assert_eq!(group.len(), 1_000_000);
    assert!(group.iter().eq(0..1_000_000));
    drop(group);
    assert!(clone.iter().take(3).eq(0..3));
    assert!(clone.into_iter().eq(0..1_000_000));
}

#[test]
fn a_group_that_cannot_be_read_any_more_fails_the_step_and_says_why() {
    let scratch = Breaking::default();
    let group = large_group(scratch.clone()).unwrap();
    let label = StepLabel { name: "sum".into(), location: std::panic::Location::caller() };
    let sum = || guard_step(&label, || Ok(group.iter().sum::<u64>()));
    assert_eq!(sum().unwrap(), 499_999_500_000);
    scratch.0.store(true, Ordering::SeqCst);
    let error = sum().expect_err("the disk is gone");
    assert_eq!((error.kind(), error.step()), (ErrorKind::Storage, Some(&label)));
    assert!(error.report().ends_with("and results would miss it: the disk is gone"), "{}", error.report());
}
