use std::io;

use flow_core::exec::StepId;

/// Records of steps, on their way into a frame.
///
/// A record is the step's number, whether it has a hash, the hash, the length, and the bytes; numbers are little endian.
#[derive(Debug, Default)]
pub(crate) struct Block(Vec<u8>);

/// What a step wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) step: StepId,
    /// Decides which worker gets it back; all of them, without one.
    pub(crate) hash: Option<u64>,
    pub(crate) bytes: &'a [u8],
}

impl Block {
    pub(crate) fn push(&mut self, record: Record<'_>) -> io::Result<()> {
        let length = u32::try_from(record.bytes.len()).map_err(|_| {
            io::Error::new(io::ErrorKind::FileTooLarge, "what a step keeps of one key is larger than 1 GiB")
        })?;
        self.0.extend(record.step.0.to_le_bytes());
        self.0.push(u8::from(record.hash.is_some()));
        self.0.extend(record.hash.unwrap_or_default().to_le_bytes());
        self.0.extend(length.to_le_bytes());
        self.0.extend(record.bytes);
        Ok(())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes out what there is, as a frame.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// The records of a frame.
pub(crate) fn records_of(frame: &[u8]) -> impl Iterator<Item = io::Result<Record<'_>>> {
    let mut left = frame;
    std::iter::from_fn(move || {
        if left.is_empty() {
            return None;
        }
        let record = take_record(&mut left);
        if record.is_none() {
            left = &[];
        }
        Some(record.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "a record ends within its frame")))
    })
}

fn take_record<'a>(left: &mut &'a [u8]) -> Option<Record<'a>> {
    let step = StepId(u32::from_le_bytes(*take::<4>(left)?));
    let [has_hash] = *take::<1>(left)?;
    let hash = u64::from_le_bytes(*take::<8>(left)?);
    let length = u32::from_le_bytes(*take::<4>(left)?) as usize;
    let (bytes, rest) = left.split_at_checked(length)?;
    *left = rest;
    Some(Record { step, hash: (has_hash == 1).then_some(hash), bytes })
}

fn take<'a, const N: usize>(left: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, rest) = left.split_first_chunk()?;
    *left = rest;
    Some(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_as_they_were_pushed() {
        let all = [
            Record { step: StepId(3), hash: Some(u64::MAX), bytes: b"abc" },
            Record { step: StepId(0), hash: None, bytes: b"" },
        ];
        let mut block = Block::default();
        all.iter().for_each(|record| block.push(*record).unwrap());
        let frame = block.take();
        assert_eq!(records_of(&frame).collect::<io::Result<Vec<_>>>().unwrap(), all);
        assert_eq!(block.len(), 0);
    }

    #[test]
    fn a_frame_that_is_cut_off_is_an_error() {
        let mut block = Block::default();
        block.push(Record { step: StepId(1), hash: Some(7), bytes: b"abc" }).unwrap();
        let frame = block.take();
        for length in 1..frame.len() {
            assert!(records_of(&frame[..length]).any(|record| record.is_err()), "{length}");
        }
    }
}
