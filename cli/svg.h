#pragma once

#include <string>

// Pieces of pictures: SVG elements as text.

namespace vouch::cli {

/// A coordinate or a width, to six digits.
[[nodiscard]] std::string svg_number(double value);

/// `text` with what SVG and HTML would take for markup written out.
[[nodiscard]] std::string svg_escaped(const std::string& text);

/// Any text; `anchor` is start, middle or end.
[[nodiscard]] std::string svg_text(double x, double y, const std::string& text, const char* anchor,
                                   const char* size = "11");

/// `style`: attributes, as `stroke="#ddd"`.
[[nodiscard]] std::string svg_line(double x1, double y1, double x2, double y2,
                                   const std::string& style);

/// The picture as a file of this name wants it: as it is, or in a page of its own for .html.
[[nodiscard]] std::string svg_for_file(const std::string& path, const std::string& svg,
                                       const std::string& title);

}  // namespace vouch::cli
