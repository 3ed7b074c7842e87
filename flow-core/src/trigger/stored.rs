use serde::{Deserialize, Serialize};

use super::TriggerState;
use crate::Timestamp;

/// A state as it is stored: each part behind its whole, so that what was damaged cannot nest without end, which to read
/// and to drop would take a stack without end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Node {
    finished: bool,
    passed: bool,
    count: u64,
    due: Option<Timestamp>,
    parts: u32,
}

/// No trigger that anybody writes nests deeper.
const DEEPEST: usize = 64;

const DAMAGED: &str = "the state of a trigger does not have the parts that it says";

impl From<TriggerState> for Vec<Node> {
    fn from(state: TriggerState) -> Self {
        let mut nodes = Vec::new();
        put(&state, &mut nodes);
        nodes
    }
}

fn put(state: &TriggerState, nodes: &mut Vec<Node>) {
    let &TriggerState { finished, passed, count, due, ref parts } = state;
    nodes.push(Node { finished, passed, count, due, parts: parts.len() as u32 });
    for part in parts {
        put(part, nodes);
    }
}

impl TryFrom<Vec<Node>> for TriggerState {
    type Error = &'static str;

    fn try_from(nodes: Vec<Node>) -> Result<Self, &'static str> {
        let mut nodes = nodes.into_iter();
        let state = take(&mut nodes, DEEPEST)?;
        if nodes.next().is_some() { Err(DAMAGED) } else { Ok(state) }
    }
}

fn take(nodes: &mut impl Iterator<Item = Node>, depth: usize) -> Result<TriggerState, &'static str> {
    let depth = depth.checked_sub(1).ok_or(DAMAGED)?;
    let Node { finished, passed, count, due, parts } = nodes.next().ok_or(DAMAGED)?;
    let parts = (0..parts).map(|_| take(nodes, depth)).collect::<Result<_, _>>()?;
    Ok(TriggerState { finished, passed, count, due, parts })
}

#[cfg(test)]
mod tests {
    use super::super::{AtWatermark, Trigger, after_count, each_of};
    use super::*;

    fn node(parts: u32) -> Node {
        Node { finished: false, passed: false, count: 0, due: None, parts }
    }

    #[test]
    fn a_state_with_parts_of_parts_comes_back_as_it_was() {
        let early = each_of([after_count(3), after_count(5)]);
        let trigger = Trigger::from(AtWatermark.early(early));
        let mut state = trigger.start();
        trigger.on_elements(&mut state, 2, Timestamp::MIN);
        let stored = postcard::to_allocvec(&state).unwrap();
        assert_eq!(postcard::from_bytes::<TriggerState>(&stored).unwrap(), state);
    }

    #[test]
    fn damage_that_nests_without_end_is_refused_and_takes_no_stack() {
        let nodes: Vec<Node> = (0..100_000).map(|_| node(1)).collect();
        assert_eq!(TriggerState::try_from(nodes), Err(DAMAGED));
    }

    #[test]
    fn parts_too_few_or_too_many_are_refused() {
        assert_eq!(TriggerState::try_from(vec![]), Err(DAMAGED));
        assert_eq!(TriggerState::try_from(vec![node(u32::MAX)]), Err(DAMAGED));
        assert_eq!(TriggerState::try_from(vec![node(0), node(0)]), Err(DAMAGED));
    }
}
