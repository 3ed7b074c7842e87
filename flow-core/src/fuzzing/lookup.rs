use crate::lookup::read_block;

/// The bytes of a block, as they come back from scratch, are read or refused: every key, every value, and a search.
pub fn lookup_block(data: &[u8]) {
    read_block::<u64>(data);
    read_block::<String>(data);
}
