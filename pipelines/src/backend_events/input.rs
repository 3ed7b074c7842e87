//! Where messages come from.

use std::time::Duration;

use flow_core::prelude::*;
use flow_io::Generator;
use flow_io::files::{ReadFiles, Stdin};

use super::event::DeadLetter;
use super::generate;
use super::received::{Lines, Received};

/// Where messages come from.
#[derive(Clone, Debug)]
pub enum Input {
    /// Made up.
    Generated(Generated),
    /// The lines of files: paths, directories or globs.
    Files(Vec<String>),
    /// The lines of standard input.
    Stdin,
}

/// How events are made up.
#[derive(Clone, Debug, Default)]
pub struct Generated {
    /// Which events.
    pub seed: u64,
    /// How many, if they end.
    pub count: Option<u64>,
    /// How many a second; as fast as they can be made if not set.
    pub rate: Option<u64>,
    /// How long events are made at the rate.
    pub during: Option<Duration>,
    /// What they are like.
    pub shop: generate::Settings,
}

impl Input {
    /// The messages of this input: `Err` is a line that could not even be read.
    pub fn read(&self, p: &Pipeline) -> PCollection<Result<Received, DeadLetter>> {
        match self {
            Input::Generated(generated) => p.read(generated.source()),
            Input::Stdin => p.read(Stdin::new(Lines)),
            Input::Files(patterns) => {
                let mut patterns = patterns.iter();
                let first = ReadFiles::new(patterns.next().cloned().unwrap_or_default(), Lines);
                p.read(patterns.fold(first, ReadFiles::and))
            }
        }
    }
}

impl Generated {
    fn source(&self) -> Generator<Result<Received, DeadLetter>> {
        let (shop, clock) = (self.shop.clone(), self.shop.clone());
        let mut source = Generator::of(move |i, seed| Ok(Received::data(generate::event(seed, i, &shop))))
            .watermark(move |i| generate::watermark(i, &clock))
            .seed(self.seed);
        if let Some(count) = self.count {
            source = source.count(count);
        }
        if let Some(rate) = self.rate {
            source = source.rate(rate);
        }
        if let Some(time) = self.during {
            source = source.during(time);
        }
        source
    }
}
