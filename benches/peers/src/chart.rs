//! The charts, as SVG.

use std::error::Error;
use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;

use crate::growth::{self, Growth, Point};
use crate::peer::Kind;
use crate::summary;
use crate::table::Table;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn Error>>;

const FONT: (&str, u32) = ("sans-serif", 13);

/// Ten colours that are easy to tell apart.
const COLOURS: [RGBColor; 10] = [
    RGBColor(31, 119, 180),
    RGBColor(255, 127, 14),
    RGBColor(44, 160, 44),
    RGBColor(148, 103, 189),
    RGBColor(140, 86, 75),
    RGBColor(227, 119, 194),
    RGBColor(127, 127, 127),
    RGBColor(188, 189, 34),
    RGBColor(23, 190, 207),
    RGBColor(0, 0, 128),
];

fn colour(index: usize) -> RGBColor {
    COLOURS[index % COLOURS.len()]
}

fn draw(size: (u32, u32), draw: impl FnOnce(&Area) -> Drawn) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        root.fill(&WHITE)?;
        draw(&root)?;
        root.present()?;
    }
    Ok(svg)
}

/// A line for each cell. On it each codec has a mark, further right the longer it takes than ours.
pub fn table(table: &Table) -> Result<String, Box<dyn Error>> {
    let cells = table.columns.len();
    let height = 110 + 26 * cells as u32;
    draw((960, height), |root| {
        let label = |row: &SegmentValue<usize>| match row {
            SegmentValue::CenterOf(row) if *row < cells => {
                table.columns[cells - 1 - row].label.clone()
            }
            _ => String::new(),
        };
        let (plot, side) = root.split_horizontally(800);
        let mut chart = ChartBuilder::on(&plot)
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(210)
            .build_cartesian_2d((0.01..200.0).log_scale(), (0..cells - 1).into_segmented())?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .label_style(FONT)
            .y_labels(cells)
            .y_label_formatter(&label)
            .x_label_formatter(&number)
            .x_desc(format!(
                "{}: time divided by that of mqtt-wire; to the left of 1 is faster",
                table.task.name()
            ))
            .draw()?;
        let mut codecs = Vec::new();
        for figure in table.columns.iter().flat_map(|column| &column.figures) {
            if !codecs.contains(&(figure.codec, figure.kind)) {
                codecs.push((figure.codec, figure.kind));
            }
        }
        let mut peers = 0;
        for (line, (codec, kind)) in codecs.into_iter().enumerate() {
            let colour = match kind {
                Kind::Floor => BLACK,
                Kind::Ours => RED,
                Kind::Peer => {
                    peers += 1;
                    colour(peers - 1)
                }
            };
            let points = table.columns.iter().enumerate().filter_map(|(i, column)| {
                let ratio = column.of(codec)?.ratio_to(column.of("mqtt-wire")?);
                Some((ratio, SegmentValue::CenterOf(cells - 1 - i)))
            });
            let variant = codec.contains(',');
            let at = legend(&side, line, codec)?;
            if kind == Kind::Floor {
                let style = colour.stroke_width(if variant { 1 } else { 2 });
                side.draw(&Cross::new(at, 4, style))?;
                chart.draw_series(points.map(|point| Cross::new(point, 4, style)))?;
            } else {
                let style = if variant {
                    colour.stroke_width(2)
                } else {
                    colour.filled()
                };
                side.draw(&Circle::new(at, 5, style))?;
                chart.draw_series(points.map(|point| Circle::new(point, 5, style)))?;
            }
        }
        Ok(())
    })
}

/// A line for each cell. On it each of our tasks has a mark, further right the longer it takes than
/// the best peer.
pub fn summary(times: &[Table]) -> Result<String, Box<dyn Error>> {
    let labels = summary::labels(times);
    let cells = labels.len();
    draw((960, 110 + 26 * cells as u32), |root| {
        let label = |row: &SegmentValue<usize>| match row {
            SegmentValue::CenterOf(row) if *row < cells => labels[cells - 1 - row].clone(),
            _ => String::new(),
        };
        let (plot, side) = root.split_horizontally(800);
        let mut chart = ChartBuilder::on(&plot)
            .margin(12)
            .x_label_area_size(42)
            .y_label_area_size(210)
            .build_cartesian_2d((0.1..20.0).log_scale(), (0..cells - 1).into_segmented())?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .label_style(FONT)
            .y_labels(cells)
            .y_label_formatter(&label)
            .x_label_formatter(&number)
            .x_desc(
                "time of mqtt-wire divided by that of the best peer; to the left of 1 is faster",
            )
            .draw()?;
        let rows = [SegmentValue::Exact(0), SegmentValue::Last];
        let equal = rows.map(|row| (1.0, row));
        chart.draw_series(LineSeries::new(equal, BLACK.stroke_width(1)))?;
        for (line, (task, codec, name)) in summary::SHOWN.into_iter().enumerate() {
            let colour = colour(line);
            let style = if codec.contains(',') {
                colour.stroke_width(2)
            } else {
                colour.filled()
            };
            side.draw(&Circle::new(legend(&side, line, name)?, 5, style))?;
            let points = labels.iter().enumerate().filter_map(|(i, cell)| {
                let ratio = summary::ratio(times, task, codec, cell)?;
                Some((ratio, SegmentValue::CenterOf(cells - 1 - i)))
            });
            chart.draw_series(points.map(|point| Circle::new(point, 5, style)))?;
        }
        Ok(())
    })
}

/// Writes a line of the legend and returns the place of its mark.
fn legend(area: &Area, line: usize, text: &str) -> Result<(i32, i32), Box<dyn Error>> {
    let y = 20 + 18 * line as i32;
    area.draw(&Text::new(text.to_owned(), (16, y - 6), FONT))?;
    Ok((6, y))
}

/// Decoding and encoding by number of items, and by size of the payload.
pub fn growth(growth: &Growth) -> Result<String, Box<dyn Error>> {
    draw((960, 1140), |root| {
        let panels = root.split_evenly((3, 1));
        let names: Vec<_> = growth.items.iter().map(|series| series.name).collect();
        let items = |nanos: fn(&Point) -> f64| -> Vec<Vec<(f64, f64)>> {
            let series = growth.items.iter();
            series
                .map(|series| {
                    let points = series.points.iter();
                    points
                        .map(|it| (it.items as f64, nanos(it) / it.items as f64))
                        .collect()
                })
                .collect()
        };
        let payload = |nanos: fn(&Point) -> f64| {
            let points = growth.payload.points.iter();
            points.map(|it| (it.bytes as f64, nanos(it))).collect()
        };
        panel(
            &panels[0],
            ("Decode and walk: ns per item", "items"),
            (1.0..1e5, 0.01..200.0),
            &names,
            items(|it| it.decode),
        )?;
        panel(
            &panels[1],
            ("Encode: ns per item", "items"),
            (1.0..1e5, 0.01..200.0),
            &names,
            items(|it| it.encode),
        )?;
        panel(
            &panels[2],
            (
                "A PUBLISH by its payload: ns per packet",
                "bytes of the packet",
            ),
            (1.0..3e8, 1.0..1e9),
            &["decode", "encode"],
            vec![payload(|it| it.decode), payload(|it| it.encode)],
        )
    })
}

fn panel(
    area: &Area,
    (title, unit): (&str, &str),
    (x, y): (Range<f64>, Range<f64>),
    names: &[&'static str],
    series: Vec<Vec<(f64, f64)>>,
) -> Drawn {
    let (plot, side) = area.split_horizontally(690);
    let mut chart = ChartBuilder::on(&plot)
        .caption(title, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(90)
        .build_cartesian_2d(x.log_scale(), y.log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .label_style(FONT)
        .x_label_formatter(&number)
        .y_label_formatter(&number)
        .x_desc(unit)
        .draw()?;
    for (i, (name, points)) in names.iter().zip(series).enumerate() {
        let style = colour(i).stroke_width(2);
        let at = legend(&side, i, name)?;
        side.draw(&Circle::new(at, 3, style))?;
        chart.draw_series(LineSeries::new(points, style).point_size(3))?;
    }
    Ok(())
}

fn number(value: &f64) -> String {
    if *value >= 1.0 {
        growth::grouped(*value as usize)
    } else {
        value.to_string()
    }
}
