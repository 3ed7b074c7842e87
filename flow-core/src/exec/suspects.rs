use std::fmt::Debug;

/// A worker's door to what outlives its process: which element was being tried when it died.
///
/// A stack overflow or an abort ends the process, and the run that is started again reads the same element. A runner that
/// has seen that happen some times gives its workers such a door ([`Cx::suspects`](super::Cx::suspects)). Regions of
/// [dead letters](crate::DeadLetter) then try their elements one by one and name each here before; one that is known to
/// have ended the process becomes a dead letter without being tried.
///
/// Elements are named by a hash of the region's name and the element's encoding: in another run they come in another
/// order, on another worker. Equal elements have one name, and would end the process alike.
pub trait Suspects: Debug {
    /// Whether elements are to be named: until the run has got past what ended those before it.
    fn is_watching(&self) -> bool;

    /// Whether this element was being tried when the process ended.
    fn is_convicted(&self, element: u64) -> bool;

    /// This element is being tried from now on. Regions in regions begin theirs before the outer element is done. A
    /// runner may wait in here for other workers, so that one element is tried at a time.
    fn begin(&mut self, element: u64);

    /// The element that was begun last is done, one way or another.
    fn end(&mut self);
}
