use std::sync::Arc;

use super::*;
use crate::scratch::{MemoryScratch, Space};

fn space() -> Space {
    Space::new(Arc::new(MemoryScratch), 1 << 16)
}

/// Puts values of keys, whose numbers are their hashes, into a run.
fn write(runs: &mut Runs, keys: &[(u64, &[u64])]) {
    let fill = |run: &mut RunWriter| {
        for (key, values) in keys {
            run.key(*key, key)?;
            values.iter().try_for_each(|value| run.item(value))?;
        }
        Ok(())
    };
    runs.write(&space(), false, fill).unwrap();
}

fn copy(key: &mut Merge, run: &mut RunWriter) -> Result<(), BoxError> {
    while key.next_piece()? {
        let count = key.extent().1;
        run.encoded_items(key.items()?, count)?;
    }
    Ok(())
}

/// Every key with its values.
fn merged(runs: Runs) -> Vec<(u64, Vec<u64>)> {
    let mut merge = runs.merge(&space(), &mut copy).unwrap();
    let mut keys = Vec::new();
    while merge.next_key().unwrap() {
        let key = postcard::from_bytes(merge.key()).unwrap();
        assert_eq!(merge.hash(), key);
        let mut values = Vec::new();
        while merge.next_piece().unwrap() {
            let mut items = merge.items().unwrap();
            while !items.is_empty() {
                let (value, rest) = postcard::take_from_bytes(items).unwrap();
                values.push(value);
                items = rest;
            }
        }
        keys.push((key, values));
    }
    keys
}

#[test]
fn the_values_of_a_key_come_in_the_order_of_the_runs() {
    let mut runs = Runs::default();
    write(&mut runs, &[(1, &[10, 11]), (3, &[30])]);
    write(&mut runs, &[(2, &[20]), (3, &[31, 32])]);
    write(&mut runs, &[(1, &[12])]);
    assert_eq!(merged(runs), [(1, vec![10, 11, 12]), (2, vec![20]), (3, vec![30, 31, 32])]);
}

#[test]
fn a_key_of_many_pieces_comes_once() {
    let values: Vec<u64> = (0..100_000).collect();
    let mut runs = Runs::default();
    write(&mut runs, &[(0, &[]), (7, &values), (8, &[1])]);
    write(&mut runs, &[(7, &values)]);
    let twice = [values.clone(), values].concat();
    assert_eq!(merged(runs), [(7, twice), (8, vec![1])]);
}

#[test]
fn pieces_that_nobody_asks_for_are_passed_by() {
    let mut runs = Runs::default();
    write(&mut runs, &[(1, &[10]), (2, &[20])]);
    write(&mut runs, &[(1, &[11]), (3, &[30])]);
    let mut merge = runs.merge(&space(), &mut copy).unwrap();
    let mut keys = Vec::new();
    while merge.next_key().unwrap() {
        keys.push(merge.hash());
    }
    assert_eq!(keys, [1, 2, 3]);
}

#[test]
fn many_runs_become_few_and_stay_in_order() {
    let mut runs = Runs::default();
    let mut wanted = vec![Vec::new(); 10];
    for number in 0..300_u64 {
        let key = number % 10;
        write(&mut runs, &[(key, &[number])]);
        runs.compact(&space(), &mut copy).unwrap();
        wanted[key as usize].push(number);
    }
    assert_eq!(merged(runs), (0..10).zip(wanted).collect::<Vec<_>>());
}

#[test]
fn a_piece_is_read_again_after_its_runs_are_gone() {
    let mut runs = Runs::default();
    write(&mut runs, &[(1, &[10, 11])]);
    let mut merge = runs.merge(&space(), &mut copy).unwrap();
    assert!(merge.next_key().unwrap() && merge.next_piece().unwrap());
    let piece = merge.piece();
    drop(merge);
    let mut bytes = vec![9; 5];
    piece.read(&mut bytes).unwrap();
    assert_eq!((bytes, piece.count()), (vec![10, 11], 2));
}
