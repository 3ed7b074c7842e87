//! Draws one stream under three triggers, as the guide shows it: `cargo run -p flow-core --example panes` writes
//! `docs/guide/img/panes.svg`.

mod drawing;
mod story;

fn main() -> std::io::Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guide/img/panes.svg");
    std::fs::write(path, drawing::picture())
}
