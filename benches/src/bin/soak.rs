//! An hour of a durable stream with a fault in every minute: what it wrote must be all of it, once, and neither memory nor
//! descriptors nor state may grow.
//!
//! The program starts itself as the one that runs, and lets it be killed, stopped for a while, suspended, and robbed of the
//! directory that it writes to.

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use benches::{Paced, files_below, now};
use clap::Parser;
use flow_core::prelude::*;
use flow_io::files::TextFiles;
use flow_runner_local::{LocalRunner, Options};

#[derive(Parser, Clone)]
struct Args {
    /// How long elements come.
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// How many come in a second.
    #[arg(long, default_value_t = 20_000)]
    rate: u64,
    /// Seconds between faults.
    #[arg(long, default_value_t = 60)]
    fault_every: u64,
    /// Where state and output are: on a disk, and empty.
    #[arg(long, default_value = "target/soak")]
    directory: PathBuf,
    /// When the first element is due, in microseconds: given to the process that runs.
    #[arg(long, hide = true)]
    begin: Option<i64>,
    #[clap(flatten)]
    runner: Options,
}

const KEYS: u64 = 10_000;
const MINUTE: Duration = Duration::from_mins(1);
const TEN_SECONDS: Duration = Duration::from_secs(10);

impl Args {
    fn count(&self) -> u64 {
        self.minutes * 60 * self.rate
    }

    fn output(&self) -> PathBuf {
        self.directory.join("output")
    }

    fn state(&self) -> PathBuf {
        self.directory.join("state")
    }
}

/// All numbers; of each pair of numbers the first; and how often each key came in ten seconds.
fn pipeline(args: &Args, begin: i64) -> Pipeline {
    let (begin, output) = (Timestamp::from_micros(begin), args.output());
    let pause = Duration::from_millis(2);
    let p = Pipeline::new();
    let numbers = p.read(Paced { begin, rate: args.rate, count: args.count(), pause });
    numbers.window(Fixed::of(MINUTE)).write(TextFiles::under(output.join("all")));
    let firsts = numbers.map(|n| n / 2).deduplicate(MINUTE);
    firsts.window(Fixed::of(MINUTE)).write(TextFiles::under(output.join("firsts")));
    let counts = numbers.key_by(|n| n % KEYS).window(Fixed::of(TEN_SECONDS)).count_per_key().reify();
    let lines = counts.map(|one| format!("{:?} {} {}", one.window, one.value.0, one.value.1));
    lines.window(Fixed::of(MINUTE)).write(TextFiles::under(output.join("counts")));
    p
}

fn run(args: &Args, begin: i64) -> ! {
    let options = args.runner.clone().with_state_dir(args.state());
    let code = match LocalRunner::new(options).run(pipeline(args, begin)) {
        Ok(_) => 0,
        Err(error) => {
            eprintln!("{}", error.report());
            error.kind().exit_code()
        }
    };
    std::process::exit(code.into())
}

/// What is done to the process that runs, one after the other.
const FAULTS: [Fault; 5] = [Fault::Pause, Fault::Kill, Fault::Pause, Fault::Suspend, Fault::NoDirectory];

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// It stands still for some seconds.
    Pause,
    Kill,
    Suspend,
    /// The directory that it writes to has another name for some seconds.
    NoDirectory,
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status().expect("there is a kill");
    assert!(sent.success(), "{name} cannot be sent");
}

#[expect(clippy::disallowed_methods, reason = "it watches another process")]
fn wait(time: Duration) {
    std::thread::sleep(time);
}

fn harm(fault: Fault, child: &mut Child, args: &Args) {
    match fault {
        Fault::Pause => {
            signal(child, "-STOP");
            wait(Duration::from_secs(3));
            signal(child, "-CONT");
        }
        Fault::Kill => child.kill().expect("it can be killed"),
        Fault::Suspend => signal(child, "-TERM"),
        Fault::NoDirectory => {
            let aside = args.directory.join("aside");
            fs::rename(args.output(), &aside).expect("the output has a directory");
            fs::write(args.output(), "in the way").expect("a file takes its place");
            wait(Duration::from_secs(3));
            fs::remove_file(args.output()).expect("the file is there");
            fs::rename(&aside, args.output()).expect("nothing else has the name");
        }
    }
}

/// What a process has at a moment.
#[derive(Clone, Copy)]
struct Sample {
    /// Since the first element was due.
    hours: f64,
    /// Since the process was started.
    age: Duration,
    resident_mib: f64,
    descriptors: usize,
    state_mib: f64,
    state_files: usize,
}

fn since(then: Timestamp) -> Duration {
    Duration::from_micros(now().micros().saturating_sub(then.micros()).max(0) as u64)
}

fn resident_mib(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

impl Sample {
    fn of(child: &Child, started: Timestamp, begin: Timestamp, args: &Args) -> Option<Sample> {
        let files = files_below(&args.state());
        let bytes: u64 = files.iter().filter_map(|file| fs::metadata(file).ok()).map(|file| file.len()).sum();
        Some(Sample {
            hours: since(begin).as_secs_f64() / 3600.0,
            age: since(started),
            resident_mib: resident_mib(child.id())?,
            descriptors: fs::read_dir(format!("/proc/{}/fd", child.id())).ok()?.count(),
            state_mib: bytes as f64 / f64::from(1 << 20),
            state_files: files.len(),
        })
    }

    fn print(&self, what: &str) {
        let Sample { hours, age, resident_mib, descriptors, state_mib, state_files } = self;
        let minute = hours * 60.0;
        println!(
            "{minute:>6.1} min  {resident_mib:>7.1} MiB  {descriptors:>3} descriptors  {state_mib:>7.1} MiB state in \
             {state_files} files  {:>4} s old  {what}",
            age.as_secs()
        );
    }
}

/// The slope of a line through points, by least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0 / n, y + point.1 / n));
    let (above, below) = points.iter().fold((0.0, 0.0), |(above, below), point| {
        (above + (point.0 - x) * (point.1 - y), below + (point.0 - x).powi(2))
    });
    above / below
}

/// Those of a process that has caught up.
fn print_slopes(samples: &[Sample]) {
    let settled: Vec<_> = samples.iter().filter(|sample| sample.age > Duration::from_secs(30)).collect();
    let of = |value: fn(&Sample) -> f64| {
        slope(&settled.iter().map(|sample| (sample.hours, value(sample))).collect::<Vec<_>>())
    };
    let most = |value: fn(&Sample) -> f64| settled.iter().map(|sample| value(sample)).fold(0.0, f64::max);
    let memory = |sample: &Sample| sample.resident_mib;
    let descriptors = |sample: &Sample| sample.descriptors as f64;
    let state = |sample: &Sample| sample.state_mib;
    println!("            most      in an hour more by");
    println!("memory      {:>7.1}  {:>+8.2} MiB", most(memory), of(memory));
    println!("descriptors {:>7.0}  {:>+8.2}", most(descriptors), of(descriptors));
    println!("state       {:>7.1}  {:>+8.2} MiB", most(state), of(state));
}

fn start(begin: Timestamp) -> Child {
    let program = std::env::current_exe().expect("the program knows itself");
    let mut all: Vec<String> = std::env::args().skip(1).collect();
    all.extend(["--begin".into(), begin.micros().to_string()]);
    Command::new(program).args(all).spawn().expect("it starts itself")
}

fn lines(directory: &Path) -> impl Iterator<Item = String> {
    let open = |path| BufReader::new(fs::File::open(path).expect("a file that was written"));
    files_below(directory)
        .into_iter()
        .flat_map(move |path| open(path).lines().map(|line| line.expect("a line")))
}

/// Whether each number below a bound is there once.
fn each_once(directory: &Path, bound: u64) -> bool {
    let mut seen = vec![false; bound as usize];
    let (mut twice, mut spurious) = (0, 0);
    for line in lines(directory) {
        match line.parse::<usize>().ok().and_then(|n| seen.get_mut(n)) {
            Some(seen) if *seen => twice += 1,
            Some(seen) => *seen = true,
            None => spurious += 1,
        }
    }
    let missing = seen.iter().filter(|seen| !**seen).count();
    let name = directory.file_name().unwrap_or_default().display();
    println!("{name}: {bound} wanted, {missing} missing, {twice} twice, {spurious} spurious");
    missing + twice + spurious == 0
}

/// Whether no key has two counts of a window, and they add up.
fn counts_add_up(directory: &Path, wanted: u64) -> bool {
    let (mut seen, mut sum, mut twice) = (HashSet::new(), 0, 0);
    for line in lines(directory) {
        let (window_and_key, count) = line.rsplit_once(' ').expect("a count");
        sum += count.parse::<u64>().expect("a number");
        twice += u64::from(!seen.insert(window_and_key.to_owned()));
    }
    println!("counts: {} of them, {twice} twice, of {sum} elements; {wanted} wanted", seen.len());
    twice == 0 && sum == wanted
}

/// Runs it to its end; how many faults there were, and what it had meanwhile.
fn watch(args: &Args, begin: Timestamp) -> (usize, Vec<Sample>) {
    let (mut child, mut started) = (start(begin), now());
    let (mut faults, mut samples) = (0, Vec::new());
    let every = Duration::from_secs(args.fault_every);
    let end = begin + MINUTE * args.minutes as u32;
    let mut next_fault = begin + every;
    loop {
        wait(Duration::from_secs(1));
        if let Some(status) = child.try_wait().expect("it is watched") {
            if status.success() && now() >= end {
                return (faults, samples);
            }
            // Nobody is told of a failure: as a service manager, it starts it again.
            (child, started) = (start(begin), now());
        }
        samples.extend(Sample::of(&child, started, begin, args));
        if now() >= next_fault && next_fault < end {
            let fault = FAULTS[faults % FAULTS.len()];
            samples.last().inspect(|sample| sample.print(&format!("{fault:?}")));
            harm(fault, &mut child, args);
            (faults, next_fault) = (faults + 1, next_fault + every);
        }
    }
}

fn main() {
    let args = Args::parse();
    if let Some(begin) = args.begin {
        run(&args, begin);
    }
    assert!(files_below(&args.directory).is_empty(), "{} is not empty", args.directory.display());
    let begin = now();
    let (faults, samples) = watch(&args, begin);
    println!("{faults} faults in {} minutes", args.minutes);
    print_slopes(&samples);
    let all = each_once(&args.output().join("all"), args.count());
    let firsts = each_once(&args.output().join("firsts"), args.count() / 2);
    let counts = counts_add_up(&args.output().join("counts"), args.count());
    std::process::exit(i32::from(!(all && firsts && counts)));
}
