//! What was counted since the start.

use crate::conn::{Common, Failure};

use super::html::{Html, bytes, count};
use crate::service::status::view::View;

/// The part about the counters.
pub(super) fn render(view: &View<'_>) -> Html {
    Html::new(format!(
        "<section id=\"counters\">\n<h2 class=\"part\">Counters</h2>\n{}<div class=\"pair\">\n\
         <div class=\"stack\">\n{}{}</div>\n{}</div>\n</section>\n",
        tiles(view),
        handshakes(view),
        mismatches(view),
        failures(view),
    ))
}

fn tiles(view: &View<'_>) -> Html {
    let totals = &view.totals;
    let tiles = [
        ("Accepted", count(totals.accepted)),
        ("Open now", count(view.open())),
        ("Refused by a limit", count(totals.refused)),
        ("Backend failures", count(totals.backend_failures)),
        ("From clients", bytes(totals.bytes_in)),
        ("To clients", bytes(totals.bytes_out)),
    ];
    let tiles = tiles.map(|(name, value)| {
        Html::new(format!(
            "<div class=\"card\"><dt>{name}</dt><dd>{value}</dd></div>\n"
        ))
    });
    Html::new(format!(
        "<dl class=\"tiles\">\n{}</dl>\n",
        Html::from_iter(tiles)
    ))
}

fn handshakes(view: &View<'_>) -> Html {
    let totals = &view.totals;
    let rows = [
        ("Full", totals.handshakes_full),
        ("Resumed", totals.handshakes_resumed),
        ("Failed", view.failed()),
    ];
    card("Handshakes", "Outcome", &rows)
}

fn failures(view: &View<'_>) -> Html {
    let rows: Vec<_> = Failure::ALL
        .iter()
        .map(|reason| reason.text())
        .zip(view.totals.failures)
        .collect();
    card("Failed handshakes", "Reason", &rows)
}

fn mismatches(view: &View<'_>) -> Html {
    let rows: Vec<_> = Common::ALL
        .iter()
        .map(|of| of.text())
        .zip(view.totals.mismatches)
        .collect();
    card("Nothing in common", "Of what", &rows)
}

fn card(title: &'static str, column: &'static str, rows: &[(&'static str, u64)]) -> Html {
    let sum: u64 = rows.iter().map(|row| row.1).sum();
    let rows = rows.iter().map(|&(name, number)| {
        let class = if number == 0 { " class=\"zero\"" } else { "" };
        Html::new(format!(
            "<tr{class}><th scope=\"row\">{name}</th><td class=\"bar\">{bar}</td><td>{number}</td></tr>\n",
            bar = bar(number, sum),
            number = count(number),
        ))
    });
    Html::new(format!(
        "<section class=\"card\">\n<h3>{title}</h3>\n<table class=\"counts\">\n\
         <thead><tr><th scope=\"col\">{column}</th><td></td><th scope=\"col\">Number</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table></section>\n",
        rows = Html::from_iter(rows),
    ))
}

/// The share of a number as a bar, for the eye alone: the number stands beside it.
fn bar(number: u64, sum: u64) -> Html {
    let share = if sum == 0 {
        0.0
    } else {
        number as f64 / sum as f64 * 100.0
    };
    Html::new(format!(
        "<svg aria-hidden=\"true\" width=\"100%\" height=\"8\"><rect class=\"rail\" width=\"100%\" height=\"8\" \
         rx=\"4\"/><rect class=\"share\" width=\"{share:.1}%\" height=\"8\" rx=\"4\"/></svg>"
    ))
}
