// A picture of pixels to draw on: filled rectangles, anti-aliased lines and discs, images and text.
//
// Coverage is computed from distances (a pixel's share of a stroke is how far its centre lies inside), and all segments of
// one line share a mask, so that joints are no darker than the rest.
#pragma once

#include "heddle/base/export.hpp"
#include "heddle/report/image.hpp"
#include "heddle/report/surface.hpp"

HD_API_BEGIN
namespace heddle::report {

class Canvas : public Surface {
 public:
  /// Of width * scale by height * scale pixels; all coordinates and sizes are multiplied by `scale`. Error unless it has
  /// pixels.
  Canvas(int width, int height, Paint background = paint::page, double scale = 1);

  void fill_rect(double x, double y, double width, double height, Paint paint) override;
  void polyline(const std::vector<Point>& points, double width, Paint paint, double dash = 0) override;
  void disc(Point center, double radius, Paint paint) override;
  void text(Point at, std::string_view utf8, Paint paint, const TextStyle& style = {}) override;
  /// The image stretched to the rectangle, each of its pixels a block.
  void blit(const Image& image, double x, double y, double width, double height);

  double width() const { return image_.width / scale_; }
  double height() const { return image_.height / scale_; }
  const Image& image() const { return image_; }  ///< RGBA

 private:
  void blend(int x, int y, Rgba colour, double coverage);
  /// Lines in pixels.
  void stroke(const std::vector<std::vector<Point>>& lines, double width, Rgba colour);

  double scale_;
  Image image_;
};

}  // namespace heddle::report
HD_API_END
