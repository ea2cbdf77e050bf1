//! The table as a picture: a group of bars a row, each bar what a server needs relative to the best peer.
//!
//! Plain SVG without scripts or fonts of its own; its greys can be read on white and on black.

use std::fmt::Write as _;

use super::kind::Kind;
use super::row::{Figure, Row};
use super::samples::Samples;

const WIDTH: f64 = 860.0;
/// Where the bars begin: left of it stand the names of the rows.
const LEFT: f64 = 290.0;
/// Length of a bar at 1.00.
const ONE: f64 = 250.0;
/// Longer bars are cut here, and say so.
const MOST: f64 = 1.9;
const BAR: f64 = 14.0;
const GAP: f64 = 12.0;
const TOP: f64 = 64.0;

const STYLE: &str = "
  text { font: 11px sans-serif; fill: #6e7681; }
  .row { font-size: 12px; }
  .title { font-size: 15px; font-weight: bold; }
  .ours { font-weight: bold; fill: #c2410c; }
  rect { fill: #8b949e; }
  rect.nginx { fill: #7d8ca3; } rect.haproxy { fill: #94a3b8; } rect.hitch { fill: #a3a3a3; }
  rect.stunnel { fill: #b8b2a7; } rect.ours { fill: #ea580c; }
  line { stroke: #6e7681; stroke-dasharray: 3 3; }
  @media (prefers-color-scheme: dark) { text { fill: #9da7b3; } .ours { fill: #fb923c; } line { stroke: #9da7b3; } }
";

/// The picture of these rows; those in which the best peer needs nothing are not in it.
pub(crate) fn draw(samples: &Samples, rows: &[&Row], kinds: &[Kind]) -> String {
    let bars: Vec<Kind> = kinds
        .iter()
        .copied()
        .filter(|kind| *kind == Kind::Tlsport || kind.is_usual_peer())
        .collect();
    let mut body = String::new();
    let mut y = TOP;
    for row in rows.iter().filter(|row| row.figure != Figure::Idle) {
        let Some(best) = samples.best(row, bars.iter().copied().filter(Kind::is_peer)) else {
            continue;
        };
        let height = bars.len() as f64 * BAR;
        text(
            &mut body,
            LEFT - 12.0,
            y + height / 2.0 + 4.0,
            "end",
            "row",
            row.name,
        );
        for kind in &bars {
            bar(
                &mut body,
                y,
                kind,
                samples.ratios(row, kind, &best).median(),
            );
            y += BAR;
        }
        y += GAP;
    }
    frame(&body, y, &bars)
}

fn bar(body: &mut String, y: f64, kind: &Kind, ratio: f64) {
    if !ratio.is_finite() {
        return;
    }
    let class = class(kind);
    let length = ratio.min(MOST) * ONE;
    let height = BAR - 2.0;
    let _ = writeln!(
        body,
        r#"<rect class="{class}" x="{LEFT}" y="{y:.1}" width="{length:.1}" height="{height}"/>"#
    );
    let cut = if ratio > MOST { "… " } else { "" };
    let label = format!("{cut}{ratio:.2} {}", kind.name());
    text(
        body,
        LEFT + length + 5.0,
        y + BAR - 4.0,
        "start",
        class,
        &label,
    );
}

fn class(kind: &Kind) -> &'static str {
    match kind {
        Kind::Tlsport => "ours",
        _ => kind.name(),
    }
}

fn text(body: &mut String, x: f64, y: f64, anchor: &str, class: &str, words: &str) {
    let _ = writeln!(
        body,
        r#"<text class="{class}" x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{words}</text>"#
    );
}

/// Title, description and the line of the best peer around it.
fn frame(body: &str, bottom: f64, bars: &[Kind]) -> String {
    let height = bottom + 14.0;
    let title = "What a TLS proxy costs, the best peer = 1.00";
    let names: Vec<&str> = bars.iter().map(Kind::name).collect();
    let mut head = String::new();
    text(&mut head, 16.0, 26.0, "start", "title", title);
    let explained = "CPU time of the server for a unit of work; latency and memory in the rows that say so. Shorter is better.";
    text(&mut head, 16.0, 46.0, "start", "", explained);
    let at = LEFT + ONE;
    let low = bottom - GAP + 4.0;
    let _ = writeln!(
        head,
        r#"<line x1="{at}" y1="{:.1}" x2="{at}" y2="{low:.1}"/>"#,
        TOP - 6.0
    );
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0}" role="img" aria-labelledby="title about">
<title id="title">{title}</title>
<desc id="about">Bars for {}, a group for each kind of work: {explained}</desc>
<style>{STYLE}</style>
{head}{body}</svg>
"#,
        names.join(", ")
    )
}
