//! How much a stream may hold at once.

/// The flow control of one stream: what it may hold, and what it does.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room {
    max_messages: Option<u64>,
    max_bytes: Option<u64>,
    messages: u64,
    bytes: u64,
}

impl Room {
    /// Limits as a request states them: what is not positive is no limit.
    pub(crate) fn of(max_messages: i64, max_bytes: i64) -> Self {
        let limit = |max: i64| u64::try_from(max).ok().filter(|max| *max > 0);
        Room { max_messages: limit(max_messages), max_bytes: limit(max_bytes), messages: 0, bytes: 0 }
    }

    /// Whether one more message fits. One always does, so that a large one does not wait for ever.
    pub(crate) fn fits(&self, bytes: usize) -> bool {
        let under = |max: Option<u64>, held: u64| max.is_none_or(|max| held <= max);
        self.messages == 0
            || under(self.max_messages, self.messages + 1) && under(self.max_bytes, self.bytes + bytes as u64)
    }

    pub(crate) fn take(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }

    pub(crate) fn give_back(&mut self, bytes: usize) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes as u64);
    }
}
