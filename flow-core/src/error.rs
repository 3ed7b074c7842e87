//! The one error of the library.

use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;

/// Any error of a user's code or of a library below.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// What went wrong, as far as a program needs to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The pipeline or an option is wrong; nothing ran.
    Config,
    /// A function of the pipeline returned an error.
    User,
    /// A function of the pipeline panicked.
    Panic,
    /// A source could not be read.
    Source,
    /// A sink could not be written.
    Sink,
    /// Space beside memory could not be used, as when a disk is full.
    Storage,
    /// What an earlier run of the pipeline kept cannot be read, or does not fit the pipeline any more.
    State,
    /// The run was cancelled from outside.
    Cancelled,
    /// An invariant of the library does not hold: please report it.
    Internal,
}

impl ErrorKind {
    /// What a program that ends with such an error tells the shell: 2 if something must be set otherwise, 3 if what an
    /// earlier run kept does not fit, and 1 for whatever may be tried again.
    pub fn exit_code(self) -> u8 {
        match self {
            ErrorKind::Config => 2,
            ErrorKind::State => 3,
            _ => 1,
        }
    }
}

/// An error with the step that it happened in and where that step is written.
///
/// `Display` is one line without the source; [`report`](Error::report) adds the chain of causes.
pub struct Error(Box<Facts>);

struct Facts {
    kind: ErrorKind,
    step: Option<StepLabel>,
    context: String,
    source: Option<BoxError>,
    /// Not the fault of an element, whatever its kind.
    ends_run: bool,
}

/// The name of a step, and the line of the program that made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepLabel {
    /// Unique in its pipeline.
    pub name: String,
    /// The caller of the verb.
    pub location: &'static Location<'static>,
}

impl fmt::Display for StepLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "step `{}` ({}:{})", self.name, self.location.file(), self.location.line())
    }
}

/// The result of every fallible call of the library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of a kind, with a line in the user's words.
    pub fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Error(Box::new(Facts { kind, step: None, context: context.into(), source: None, ends_run: false }))
    }

    /// A wrong pipeline or option.
    pub fn config(context: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config, context)
    }

    /// A source that could not be read.
    pub fn source_failed(context: impl Into<String>, cause: impl Into<BoxError>) -> Self {
        Self::new(ErrorKind::Source, context).caused_by(cause)
    }

    /// A sink that could not be written.
    pub fn sink_failed(context: impl Into<String>, cause: impl Into<BoxError>) -> Self {
        Self::new(ErrorKind::Sink, context).caused_by(cause)
    }

    /// The same error with its cause.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<BoxError>) -> Self {
        self.0.source = Some(cause.into());
        self
    }

    /// The same error with the step that it happened in, unless it has one.
    #[must_use]
    pub fn at(mut self, step: &StepLabel) -> Self {
        self.0.step.get_or_insert_with(|| step.clone());
        self
    }

    /// The same error, which is not the fault of the element that it came with.
    pub(crate) fn ending_the_run(mut self) -> Self {
        self.0.ends_run = true;
        self
    }

    /// Whether it is an element that failed, so that others may go on without it: not what is around it, as a disk that
    /// is full.
    pub(crate) fn is_of_an_element(&self) -> bool {
        let own = matches!(self.0.kind, ErrorKind::User | ErrorKind::Panic) && !self.0.ends_run;
        let mut causes = std::iter::successors(StdError::source(self), |cause| (*cause).source());
        own && causes.all(|cause| cause.downcast_ref::<Error>().is_none_or(Error::is_of_an_element))
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Where it went wrong.
    pub fn step(&self) -> Option<&StepLabel> {
        self.0.step.as_ref()
    }

    /// This error and its causes in one line, for a terminal.
    pub fn report(&self) -> String {
        self.with_causes(self.to_string())
    }

    /// The same without the step.
    pub(crate) fn message(&self) -> String {
        self.with_causes(self.0.context.clone())
    }

    fn with_causes(&self, mut line: String) -> String {
        let mut cause = StdError::source(self);
        while let Some(error) = cause {
            line.push_str(": ");
            line.push_str(&error.to_string());
            cause = error.source();
        }
        line
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.step {
            Some(step) => write!(f, "{step}: {}", self.0.context),
            None => f.write_str(&self.0.context),
        }
    }
}

impl fmt::Debug for Error {
    /// The whole report, since this is what a program prints whose `main` returns the error.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.report())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|e| &**e as &(dyn StdError + 'static))
    }
}
