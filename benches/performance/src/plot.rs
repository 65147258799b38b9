//! Bars as SVG: a row for each program, its median, and a line from the least to the most.

use std::fmt::Write as _;

use crate::programs::Side;
use crate::statistics::Summary;

/// A row.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) side: Side,
    pub(crate) value: Summary,
    /// The value as text.
    pub(crate) label: String,
}

const ROW: f64 = 24.0;
const NAMES: f64 = 250.0;
const BARS: f64 = 420.0;
const LABELS: f64 = 90.0;
const TOP: f64 = 40.0;

/// The picture.
pub(crate) fn bars(title: &str, rows: &[Row]) -> String {
    let (width, height) = (NAMES + BARS + LABELS, TOP + ROW * rows.len() as f64 + 10.0);
    // An outlier does not make all others small.
    let most = rows
        .iter()
        .map(|row| row.value.median)
        .fold(f64::MIN_POSITIVE, f64::max)
        * 1.1;
    let at = |value: f64| NAMES + (value / most).min(1.0) * BARS;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"10\" y=\"24\" font-size=\"15\" font-weight=\"bold\">{title}</text>\n"
    );
    for (row, index) in rows.iter().zip(0u32..) {
        let top = TOP + ROW * f64::from(index);
        let (middle, base) = (top + ROW / 2.0, top + ROW / 2.0 + 4.5);
        let colour = match row.side {
            Side::Ours => "#2166ac",
            Side::Peer => "#b2abd2",
            Side::Floor => "#cccccc",
        };
        let (least, median, highest) = (at(row.value.least), at(row.value.median), at(row.value.most));
        let _ = writeln!(
            svg,
            "<text x=\"{x}\" y=\"{base}\" text-anchor=\"end\">{name}</text>\n\
             <rect x=\"{NAMES}\" y=\"{y}\" width=\"{w:.1}\" height=\"{h}\" fill=\"{colour}\"/>\n\
             <path d=\"M{least:.1} {middle}H{highest:.1}\" stroke=\"black\"/>\n\
             <text x=\"{label:.1}\" y=\"{base}\">{text}</text>",
            x = NAMES - 8.0,
            name = row.name,
            y = top + 3.0,
            w = median - NAMES,
            h = ROW - 6.0,
            label = highest.max(median) + 6.0,
            text = row.label,
        );
    }
    svg.push_str("</svg>\n");
    svg
}
