//! What fills the topic: answers of the API, or made-up ones.
