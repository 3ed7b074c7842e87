//! How the values of views are written at the end of an epoch, and come back.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::element::{Key, Wire};
use crate::exec::{decode_record, encode_record};
use crate::lookup::{Chunks, Lookup, LookupBuilder, each_pair};
use crate::scratch::Space;
use crate::steps::process::user_error;
use crate::{BoxError, Result};

/// A value of a view on its way to all workers.
pub(crate) struct Published<V> {
    pub(crate) value: Arc<V>,
    pub(crate) origin: Origin,
}

/// What a value is made of again.
#[derive(Clone)]
pub(crate) enum Origin {
    /// Nothing that would be written.
    Unknown,
    /// Its encoded elements: a view may be of any type, one that does not encode too.
    Elements(Arc<[u8]>),
    /// It has all of its elements itself.
    Itself,
}

impl<V> Clone for Published<V> {
    fn clone(&self) -> Self {
        Published { value: Arc::clone(&self.value), origin: self.origin.clone() }
    }
}

/// Writes and reads the values of a view, in pieces.
pub(crate) trait Keep<V>: Send + Sync {
    fn write(&self, value: &Published<V>, put: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()>;
    fn rebuild(&self, space: &Space) -> Box<dyn Rebuild<V>>;
}

/// Takes the pieces of a value.
pub(crate) trait Rebuild<V> {
    fn take(&mut self, piece: &[u8]) -> Result<()>;
    fn finish(self: Box<Self>) -> Result<Published<V>>;
}

/// Makes a value of a view of its elements.
pub(crate) type Build<T, V> = Arc<dyn Fn(Vec<T>) -> Result<V, BoxError> + Send + Sync>;

/// A view that is built of its elements in memory.
pub(crate) struct ByElements<T, V>(pub(crate) Build<T, V>);

/// The pieces of a value are not longer than this.
const PIECE: usize = 1 << 20;

impl<T: Wire, V: Send + Sync + 'static> Keep<V> for ByElements<T, V> {
    fn write(&self, value: &Published<V>, put: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        match &value.origin {
            Origin::Elements(bytes) => bytes.chunks(PIECE).try_for_each(put),
            _ => Ok(()),
        }
    }

    fn rebuild(&self, _: &Space) -> Box<dyn Rebuild<V>> {
        Box::new(OfElements { build: Arc::clone(&self.0), bytes: Vec::new() })
    }
}

struct OfElements<T, V> {
    build: Build<T, V>,
    bytes: Vec<u8>,
}

impl<T: Wire, V: 'static> Rebuild<V> for OfElements<T, V> {
    fn take(&mut self, piece: &[u8]) -> Result<()> {
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Published<V>> {
        let value = (self.build)(decode_record(&self.bytes)?).map_err(user_error)?;
        Ok(Published { value: Arc::new(value), origin: Origin::Elements(self.bytes.into()) })
    }
}

/// The value of some elements; what it is made of is kept where that is asked for.
pub(crate) fn built<T: Wire, V>(
    build: &Build<T, V>,
    elements: Vec<T>,
    is_durable: bool,
) -> Result<Published<V>> {
    let origin =
        if is_durable { Origin::Elements(encode_record(&elements)?.into()) } else { Origin::Unknown };
    let value = Arc::new(build(elements).map_err(user_error)?);
    Ok(Published { value, origin })
}

/// A lookup, which may be larger than memory.
pub(crate) struct ByPairs<K, V>(PhantomData<fn(K, V)>);

impl<K, V> ByPairs<K, V> {
    pub(crate) fn new() -> Self {
        ByPairs(PhantomData)
    }
}

impl<K: Key + Ord, V: Wire> Keep<Lookup<K, V>> for ByPairs<K, V> {
    fn write(&self, value: &Published<Lookup<K, V>>, put: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut chunks = Chunks::default();
        for pair in value.value.iter() {
            chunks.push(&pair?).map_err(user_error)?;
            chunks.full().try_for_each(|chunk| put(&chunk))?;
        }
        chunks.all().try_for_each(|chunk| put(&chunk))
    }

    fn rebuild(&self, space: &Space) -> Box<dyn Rebuild<Lookup<K, V>>> {
        Box::new(OfPairs { builder: LookupBuilder::new(space.clone()), memory: space.memory })
    }
}

struct OfPairs<K, V> {
    builder: LookupBuilder<K, V>,
    memory: usize,
}

impl<K: Key + Ord, V: Wire> Rebuild<Lookup<K, V>> for OfPairs<K, V> {
    fn take(&mut self, piece: &[u8]) -> Result<()> {
        each_pair(piece, |(key, value)| self.builder.add(key, &value))?;
        if self.builder.used() > self.memory / 2 { self.builder.spill() } else { Ok(()) }
    }

    fn finish(self: Box<Self>) -> Result<Published<Lookup<K, V>>> {
        Ok(Published { value: Arc::new(self.builder.finish()?), origin: Origin::Itself })
    }
}
