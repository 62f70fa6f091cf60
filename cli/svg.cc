#include "svg.h"

#include "command.h"

namespace vouch::cli {

std::string svg_number(double value) {
  return short_text(value, 6);
}

std::string svg_escaped(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '&') {
      safe += "&amp;";
    } else if (c == '<') {
      safe += "&lt;";
    } else if (c == '>') {
      safe += "&gt;";
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string svg_text(double x, double y, const std::string& text, const char* anchor,
                     const char* size) {
  return "<text x=\"" + svg_number(x) + "\" y=\"" + svg_number(y) + "\" text-anchor=\"" + anchor +
         "\" font-size=\"" + size + "\">" + svg_escaped(text) + "</text>\n";
}

std::string svg_line(double x1, double y1, double x2, double y2, const std::string& style) {
  return "<line x1=\"" + svg_number(x1) + "\" y1=\"" + svg_number(y1) + "\" x2=\"" +
         svg_number(x2) + "\" y2=\"" + svg_number(y2) + "\" " + style + "/>\n";
}

std::string svg_for_file(const std::string& path, const std::string& svg,
                         const std::string& title) {
  if (!path.ends_with(".html")) return svg;
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>" +
         svg_escaped(title) + "</title></head><body>\n" + svg + "</body></html>\n";
}

}  // namespace vouch::cli
