#include "heddle/report/class_scores.hpp"

#include <limits>

#include "heddle/base/check.hpp"

namespace heddle::report {

std::vector<ClassScore> class_scores(const std::vector<std::vector<std::int64_t>>& confusion) {
  std::vector<ClassScore> scores(confusion.size());
  for (std::size_t truth = 0; truth < confusion.size(); ++truth) {
    check(confusion[truth].size() == confusion.size(), "class_scores", "expected rows of {} counts, got {}", confusion.size(),
          confusion[truth].size());
    scores[truth].right = confusion[truth][truth];
    for (std::size_t said = 0; said < confusion.size(); ++said) {
      scores[truth].images += confusion[truth][said];
      scores[said].predicted += confusion[truth][said];
    }
  }
  const auto share = [](std::int64_t part, std::int64_t whole) {
    return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : std::numeric_limits<double>::quiet_NaN();
  };
  for (auto& s : scores) {
    s.precision = share(s.right, s.predicted);
    s.recall = share(s.right, s.images);
    s.f1 =
        s.images > 0 && s.predicted > 0 ? share(2 * s.right, s.images + s.predicted) : std::numeric_limits<double>::quiet_NaN();
  }
  return scores;
}

}  // namespace heddle::report
