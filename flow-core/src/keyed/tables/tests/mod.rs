mod saving;
mod scratch;
