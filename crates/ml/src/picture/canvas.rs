//! A sheet of few colours, and what is drawn on it.

use std::convert::Infallible;

use embedded_graphics::{
    Drawable, Pixel,
    draw_target::DrawTarget,
    geometry::{Dimensions, OriginDimensions, Point, Size},
    mono_font::{
        MonoFont, MonoTextStyle,
        iso_8859_1::{FONT_9X15, FONT_10X20},
    },
    pixelcolor::Gray8,
    primitives::{Circle, Line, Primitive, PrimitiveStyle, Rectangle, StyledDrawable},
    text::{Alignment, Baseline, Text, TextStyleBuilder},
};
use trainyard_contract::{Error, Picture, Result};

/// A colour, by its place in the palette. The library draws in any type of colour; shades of grey carry the places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ink(u8);

/// White paper, dark ink, a light grid, two colours that differ for everybody, and shades of the first.
const PALETTE: [[u8; 3]; 13] = [
    [255, 255, 255],
    [33, 37, 41],
    [222, 226, 230],
    [0, 114, 178],
    [213, 94, 0],
    [235, 243, 248],
    [209, 229, 241],
    [176, 211, 231],
    [138, 190, 220],
    [97, 166, 206],
    [57, 141, 192],
    [0, 114, 178],
    [0, 78, 122],
];

pub(super) const PAPER: Ink = Ink(0);
pub(super) const DARK: Ink = Ink(1);
pub(super) const GRID: Ink = Ink(2);
pub(super) const FIRST: Ink = Ink(3);
pub(super) const SECOND: Ink = Ink(4);

impl Ink {
    /// The shade for a share between 0 and 1, and the ink that can be read on it.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 7")]
    pub(super) fn shade(share: f64) -> (Self, Self) {
        let step = (share.clamp(0.0, 1.0) * 7.0).round() as u8;
        (Self(5 + step), if step >= 4 { PAPER } else { DARK })
    }

    fn color(self) -> Gray8 {
        Gray8::new(self.0)
    }
}

/// Sizes of text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Letters {
    Small,
    Large,
}

impl Letters {
    fn font(self) -> &'static MonoFont<'static> {
        match self {
            Self::Small => &FONT_9X15,
            Self::Large => &FONT_10X20,
        }
    }

    /// Width of one letter, in pixels.
    pub(super) fn width(self) -> i32 {
        i32::try_from(self.font().character_size.width).unwrap_or(10)
    }
}

/// Which end of a text stands at its place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Left,
    Middle,
    Right,
}

/// The sheet.
pub(super) struct Canvas {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32) -> Self {
        Self { width, height, pixels: vec![PAPER.0; width as usize * height as usize] }
    }

    pub(super) fn size(&self) -> (i32, i32) {
        (i32::try_from(self.width).unwrap_or(i32::MAX), i32::try_from(self.height).unwrap_or(i32::MAX))
    }

    pub(super) fn line(&mut self, from: (i32, i32), to: (i32, i32), ink: Ink, width: u32) {
        let style = PrimitiveStyle::with_stroke(ink.color(), width);
        let Ok(()) = Line::new(point(from), point(to)).draw_styled(&style, self);
    }

    pub(super) fn fill(&mut self, corner: (i32, i32), size: (i32, i32), ink: Ink) {
        let size = Size::new(size.0.max(0).unsigned_abs(), size.1.max(0).unsigned_abs());
        let Ok(()) = Rectangle::new(point(corner), size).draw_styled(&PrimitiveStyle::with_fill(ink.color()), self);
    }

    pub(super) fn dot(&mut self, center: (i32, i32), diameter: u32, ink: Ink) {
        let circle = Circle::with_center(point(center), diameter).into_styled(PrimitiveStyle::with_fill(ink.color()));
        let Ok(()) = circle.draw(self);
    }

    /// Text around this height. Letters that the font lacks are question marks.
    pub(super) fn text(&mut self, at: (i32, i32), text: &str, letters: Letters, anchor: Anchor, ink: Ink) {
        let alignment = match anchor {
            Anchor::Left => Alignment::Left,
            Anchor::Middle => Alignment::Center,
            Anchor::Right => Alignment::Right,
        };
        let style = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Middle).build();
        let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        let font = MonoTextStyle::new(letters.font(), ink.color());
        let Ok(_) = Text::with_text_style(&text, point(at), font, style).draw(self);
    }

    /// The sheet as a picture, and what a terminal shows in its place.
    pub(super) fn picture(self, alt: String, plot: Option<String>) -> Result<Picture> {
        let failed = |error: png::EncodingError| Error::internal(format!("a picture could not be written: {error}"));
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_palette(PALETTE.concat());
        let mut writer = encoder.write_header().map_err(failed)?;
        writer.write_image_data(&self.pixels).map_err(failed)?;
        writer.finish().map_err(failed)?;
        Ok(Picture { png: bytes, alt, plot })
    }
}

fn point((x, y): (i32, i32)) -> Point {
    Point::new(x, y)
}

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.width, self.height)
    }
}

impl DrawTarget for Canvas {
    type Color = Gray8;
    type Error = Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Gray8>>>(&mut self, pixels: I) -> std::result::Result<(), Infallible> {
        let within = self.bounding_box();
        for Pixel(at, color) in pixels {
            if within.contains(at) {
                let place = at.y.unsigned_abs() as usize * self.width as usize + at.x.unsigned_abs() as usize;
                self.pixels[place] = embedded_graphics::pixelcolor::GrayColor::luma(&color);
            }
        }
        Ok(())
    }
}
