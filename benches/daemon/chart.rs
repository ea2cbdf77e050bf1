//! The table as a picture: a panel for each row, in it a bar for tlsport and for each peer in its usual setup.
//!
//! Plain SVG without scripts or fonts of its own, on a background of its own: a page may be light where the reader's
//! system is dark.

use std::fmt::Write as _;

use super::kind::Kind;
use super::row::{Figure, Row};
use super::samples::Samples;
use super::table;

const WIDTH: f64 = 800.0;
const MARGIN: f64 = 24.0;
/// Panels stand side by side in so many columns.
const COLUMNS: usize = 2;
/// From one panel to the one beside it.
const STEP: f64 = 388.0;
const TOP: f64 = 98.0;
/// What is above the bars of a panel, and below them.
const HEADING: f64 = 10.0;
const GAP: f64 = 30.0;
const BAR: f64 = 17.0;
/// Where the bars begin in a panel: left of it stand the names.
const NAMES: f64 = 62.0;
/// Length of the best peer's bar.
const ONE: f64 = 112.0;
/// So many times that length, and a bar is cut.
const MOST: f64 = 2.0;
const STYLE: &str = "
  text { font: 12px system-ui, sans-serif; fill: #59636e; }
  .title { font-size: 18px; font-weight: 600; fill: #1f2328; }
  .row { font-weight: 600; fill: #1f2328; }
  .ours { font-weight: 600; fill: #bc4c00; }
  .page { fill: #ffffff; }
  .bar { fill: #afb8c1; }
  .bar.ours { fill: #e8590c; }
  .cut { stroke: #ffffff; stroke-width: 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #9198a1; }
    .title, .row { fill: #f0f6fc; }
    .ours { fill: #ffa657; }
    .page { fill: #0d1117; }
    .bar { fill: #4d5763; }
    .bar.ours { fill: #f0883e; }
    .cut { stroke: #0d1117; }
  }
";
const TITLE: &str = "What TLS costs the server";
const LEGEND: [&str; 2] = [
    "CPU time of the server for each unit of work, on one thread; latency and memory where a panel says so.",
    "Shorter is better; a bar with a cut is longer than drawn. The others in their usual setup, all in one run.",
];

/// The picture of these rows; those in which the best peer needs nothing are not in it.
pub(crate) fn draw(samples: &Samples, rows: &[&Row], kinds: &[Kind]) -> String {
    let bars: Vec<Kind> = kinds
        .iter()
        .copied()
        .filter(|kind| *kind == Kind::Tlsport || kind.is_usual_peer())
        .collect();
    let rows: Vec<&&Row> = rows
        .iter()
        .filter(|row| row.figure != Figure::Idle)
        .collect();
    let height = HEADING + bars.len() as f64 * BAR + GAP;
    let mut panels = String::new();
    for (i, row) in rows.iter().enumerate() {
        let x = MARGIN + (i % COLUMNS) as f64 * STEP;
        let y = TOP + (i / COLUMNS) as f64 * height;
        panel(&mut panels, x, y, samples, row, &bars);
    }
    frame(
        &panels,
        TOP + rows.len().div_ceil(COLUMNS) as f64 * height - GAP / 2.0,
    )
}

fn panel(to: &mut String, x: f64, y: f64, samples: &Samples, row: &Row, bars: &[Kind]) {
    let median = |kind: &Kind| samples.series(row, kind).median();
    let peers = bars.iter().copied().filter(Kind::is_peer);
    let Some(best) = samples.best(row, peers) else {
        return;
    };
    text(to, x, y, "row", row.name);
    let bars = bars.iter().filter(|kind| median(kind).is_finite());
    for (i, kind) in bars.enumerate() {
        let class = if kind.is_peer() { "" } else { "ours" };
        let (left, top) = (x + NAMES, y + HEADING + i as f64 * BAR);
        let base = top + BAR - 5.0;
        let parts = median(kind) / median(&best);
        let length = parts.min(MOST) * ONE;
        text(to, x, base, class, kind.name());
        let _ = writeln!(
            to,
            r#"<rect class="bar {class}" x="{left:.1}" y="{top:.1}" width="{length:.1}" height="{:.1}" rx="2"/>"#,
            BAR - 4.0
        );
        if parts > MOST {
            let (x, low) = (left + length - 14.0, top + BAR - 3.0);
            let _ = writeln!(
                to,
                r#"<line class="cut" x1="{x:.1}" y1="{low:.1}" x2="{:.1}" y2="{:.1}"/>"#,
                x + 6.0,
                top - 1.0
            );
        }
        let value = format!("{} {}", table::figure(median(kind)), row.unit);
        text(to, left + length + 6.0, base, class, &value);
    }
}

fn text(to: &mut String, x: f64, y: f64, class: &str, words: &str) {
    let _ = writeln!(
        to,
        r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{words}</text>"#
    );
}

/// Title, description and background.
fn frame(panels: &str, height: f64) -> String {
    let mut head = String::new();
    text(&mut head, MARGIN, 32.0, "title", TITLE);
    for (i, line) in LEGEND.iter().enumerate() {
        text(&mut head, MARGIN, 50.0 + 16.0 * i as f64, "", line);
    }
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0}" role="img" aria-labelledby="title about">
<title id="title">{TITLE}</title>
<desc id="about">{}</desc>
<style>{STYLE}</style>
<rect class="page" width="{WIDTH}" height="{height:.0}" rx="8"/>
{head}{panels}</svg>
"#,
        LEGEND.join(" ")
    )
}
