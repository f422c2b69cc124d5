// einsum: every operand is brought to one order of the letters, sizes of 1 where it lacks one; two at a time become a batched
// matrix product [both, left alone, summed] x [both, summed, right alone]. A letter is summed as soon as no later operand needs
// it.
#include "heddle/ops/einsum.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "heddle/core/write.hpp"
#include "heddle/ops/common.hpp"
#include "heddle/ops/elementwise.hpp"
#include "heddle/ops/matmul.hpp"
#include "heddle/ops/reduce.hpp"

namespace heddle {

using namespace detail;

Tensor diagonal(const Tensor& x, std::int64_t offset, int dim1, int dim2) {
  constexpr auto where = "diagonal";
  check(x.dim() >= 2, where, "expected a tensor of two dimensions or more, got shape {}", x.shape());
  const int rows = normalize_dim(dim1, x.dim(), where), columns = normalize_dim(dim2, x.dim(), where);
  check(rows != columns, where, "expected two dimensions, got {} twice", rows);
  const auto part = [=](const Tensor& t) {
    const std::int64_t m = t.shape()[rows], n = t.shape()[columns];
    const std::int64_t length =
        std::max<std::int64_t>(0, offset >= 0 ? std::min(m, n - std::min(offset, n)) : std::min(m + std::max(offset, -m), n));
    Shape shape = t.shape(), strides = t.strides();
    const std::int64_t step = strides[rows] + strides[columns];
    const std::int64_t begin = length == 0 ? 0 : offset >= 0 ? offset * strides[columns] : -offset * strides[rows];
    for (const int d : {std::max(rows, columns), std::min(rows, columns)}) {
      shape.erase(d);
      strides.erase(d);
    }
    shape.push_back(length);
    strides.push_back(step);
    return t.view_of_memory(shape, strides, begin);
  };
  return record(where, {x}, part(x), [part, shape = x.shape()](const Tensor& dy, const Needs&) -> Grads {
    Tensor dx = zeros(shape, dy.options());
    copy_values(dy, part(dx));
    return {dx};
  });
}

namespace {

constexpr auto name = "einsum";
// Letters are numbers: those of the alphabet, then the dimensions that "..." stands for.
constexpr int letters = 52, labels = letters + Shape::max_rank;

int label_of(char c) {
  return c >= 'a' && c <= 'z' ? c - 'a' + 26 : c >= 'A' && c <= 'Z' ? c - 'A' : -1;  // capitals come first, as in ASCII
}

// One operand's letters, as they stand; -1 for the ellipsis.
std::vector<int> parse(std::string_view text, std::string_view equation) {
  std::vector<int> result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ') continue;
    if (text.substr(i, 3) == "...") {
      check(std::find(result.begin(), result.end(), -1) == result.end(), name,
            "expected at most one ellipsis an operand, got '{}'", equation);
      result.push_back(-1);
      i += 2;
      continue;
    }
    check(label_of(text[i]) >= 0, name, "expected letters, commas, '...' and '->', got '{}'", equation);
    result.push_back(label_of(text[i]));
  }
  return result;
}

// Replaces the ellipsis by the last `count` of the labels that ellipses stand for.
std::vector<int> spelled_out(const std::vector<int>& labels_of, int count) {
  std::vector<int> result;
  for (const int label : labels_of) {
    if (label >= 0) result.push_back(label);
    for (int i = 0; label < 0 && i < count; ++i) result.push_back(labels - count + i);
  }
  return result;
}

struct Equation {
  std::vector<std::vector<int>> operands;
  std::vector<int> result;
};

Equation equation_of(std::string_view text, const std::vector<Tensor>& tensors) {
  const std::size_t arrow = text.find("->");
  std::string_view left = text.substr(0, arrow);
  Equation equation;
  std::vector<std::vector<int>> parsed;
  for (;;) {
    const std::size_t comma = left.find(',');
    parsed.push_back(parse(left.substr(0, comma), text));
    if (comma == std::string_view::npos) break;
    left.remove_prefix(comma + 1);
  }
  check(parsed.size() == tensors.size(), name, "expected operands for '{}', {} of them, got {}", text, parsed.size(),
        tensors.size());
  int most = 0;  // dimensions of an ellipsis
  bool ellipsis = false;
  std::array<int, labels> uses{};
  for (std::size_t i = 0; i < parsed.size(); ++i) {
    const auto dots = std::count(parsed[i].begin(), parsed[i].end(), -1);
    const int named = static_cast<int>(parsed[i].size() - static_cast<std::size_t>(dots)), rest = tensors[i].dim() - named;
    check(dots ? rest >= 0 : rest == 0, name, "expected {} dimensions of operand {} for '{}', got shape {}", named, i, text,
          tensors[i].shape());
    most = std::max(most, rest);
    ellipsis = ellipsis || dots;
    equation.operands.push_back(spelled_out(parsed[i], rest));
    for (const int label : equation.operands.back()) ++uses[static_cast<std::size_t>(label)];
  }
  if (arrow == std::string_view::npos) {
    for (int i = 0; ellipsis && i < most; ++i) equation.result.push_back(labels - most + i);
    for (int label = 0; label < letters; ++label)
      if (uses[static_cast<std::size_t>(label)] == 1) equation.result.push_back(label);
    return equation;
  }
  equation.result = spelled_out(parse(text.substr(arrow + 2), text), most);
  std::array<bool, labels> seen{};
  for (const int label : equation.result) {
    const auto at = static_cast<std::size_t>(label);
    check(uses[at] > 0 && !seen[at], name, "expected each letter of the result once, and in an operand, got '{}'", text);
    seen[at] = true;
  }
  return equation;
}

// A tensor whose dimensions bear labels, each once.
struct Labelled {
  Tensor tensor;
  std::vector<int> of;

  int place(int label) const {
    const auto at = std::find(of.begin(), of.end(), label);
    return at == of.end() ? -1 : static_cast<int>(at - of.begin());
  }
  std::int64_t size(int label) const { return tensor.shape()[place(label)]; }
};

// Letters that an operand has twice become one, along the diagonal.
Labelled with_diagonals(const Tensor& x, std::vector<int> of) {
  Labelled result{x, std::move(of)};
  for (std::size_t i = 0; i < result.of.size(); ++i) {
    const auto again = std::find(result.of.begin() + static_cast<std::ptrdiff_t>(i) + 1, result.of.end(), result.of[i]);
    if (again == result.of.end()) continue;
    const int one = static_cast<int>(i), other = static_cast<int>(again - result.of.begin()), label = result.of[i];
    check(result.tensor.shape()[one] == result.tensor.shape()[other], name,
          "expected equal sizes of a letter that an operand has twice, got {}", result.tensor.shape());
    result.tensor = diagonal(result.tensor, 0, one, other);
    result.of.erase(again);
    result.of.erase(result.of.begin() + static_cast<std::ptrdiff_t>(i));
    result.of.push_back(label);
    --i;
  }
  return result;
}

// Sums over the labels that `kept` lacks.
Labelled summed(Labelled x, const std::vector<bool>& kept) {
  Shape dims;
  std::vector<int> left;
  for (std::size_t i = 0; i < x.of.size(); ++i) {
    if (kept[static_cast<std::size_t>(x.of[i])])
      left.push_back(x.of[i]);
    else
      dims.push_back(static_cast<std::int64_t>(i));
  }
  if (!dims.empty()) x.tensor = sum(x.tensor, dims);
  return {x.tensor, left};
}

// The tensor with its dimensions in the order of these labels.
Tensor in_order(const Labelled& x, const std::vector<int>& order) {
  Shape dims;
  for (const int label : order) dims.push_back(x.place(label));
  return x.tensor.permute(dims);
}

std::int64_t size_of_all(const Labelled& x, const std::vector<int>& of) {
  std::int64_t size = 1;
  for (const int label : of) size *= x.size(label);
  return size;
}

// A size of 1 that stretches beside another is summed away: what is left broadcasts in the other's place.
Labelled without_ones(Labelled x, const Labelled& other) {
  for (std::size_t i = 0; i < x.of.size();) {
    const int place = other.place(x.of[i]);
    if (place < 0 || x.tensor.shape()[static_cast<int>(i)] != 1 || other.tensor.shape()[place] == 1) {
      ++i;
      continue;
    }
    x.tensor = x.tensor.squeeze(static_cast<int>(i));
    x.of.erase(x.of.begin() + static_cast<std::ptrdiff_t>(i));
  }
  return x;
}

Labelled contracted(Labelled a, Labelled b, const std::vector<bool>& kept) {
  a = without_ones(a, b);
  b = without_ones(b, a);
  // What one alone has and nothing needs is summed first.
  std::vector<bool> keep_a = kept, keep_b = kept;
  for (const int label : b.of) keep_a[static_cast<std::size_t>(label)] = true;
  for (const int label : a.of) keep_b[static_cast<std::size_t>(label)] = true;
  a = summed(a, keep_a);
  b = summed(b, keep_b);
  std::vector<int> both, inner, left, right;
  for (const int label : a.of) {
    if (b.place(label) < 0) {
      left.push_back(label);
      continue;
    }
    check(a.size(label) == b.size(label), name, "expected equal sizes of a letter, got {} and {} of {} and {}", a.size(label),
          b.size(label), a.tensor.shape(), b.tensor.shape());
    (kept[static_cast<std::size_t>(label)] ? both : inner).push_back(label);
  }
  for (const int label : b.of)
    if (a.place(label) < 0) right.push_back(label);
  const auto joined = [](std::vector<int> first, const std::vector<int>& second, const std::vector<int>& third) {
    first.insert(first.end(), second.begin(), second.end());
    first.insert(first.end(), third.begin(), third.end());
    return first;
  };
  const std::int64_t batch = size_of_all(a, both), m = size_of_all(a, left), k = size_of_all(a, inner),
                     n = size_of_all(b, right);
  const Tensor x = in_order(a, joined(both, left, inner)).reshape({batch, m, k});
  const Tensor y = in_order(b, joined(both, inner, right)).reshape({batch, k, n});
  Shape shape;
  for (const int label : both) shape.push_back(a.size(label));
  for (const int label : left) shape.push_back(a.size(label));
  for (const int label : right) shape.push_back(b.size(label));
  // Without a sum there is nothing to multiply up: an outer product, or element by element.
  return {(k == 1 && inner.empty() ? x * y : matmul(x, y)).reshape(shape), joined(both, left, right)};
}

}  // namespace

Tensor einsum(std::string_view equation, const std::vector<Tensor>& operands) {
  check(!operands.empty(), name, "expected an operand or more, got none");
  for (const Tensor& x : operands) {
    check(x.defined(), name, "expected tensors, got an undefined one");
    check_same_kind(name, "next operand", x, operands.front());
    check_floating(name, x);
  }
  const Equation parsed = equation_of(equation, operands);
  Labelled result;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    // What is still needed once this operand has been taken.
    std::vector<bool> kept(labels, false);
    for (const int label : parsed.result) kept[static_cast<std::size_t>(label)] = true;
    for (std::size_t later = i + 1; later < operands.size(); ++later)
      for (const int label : parsed.operands[later]) kept[static_cast<std::size_t>(label)] = true;
    Labelled next = with_diagonals(operands[i], parsed.operands[i]);
    result = i ? contracted(result, next, kept) : summed(next, kept);
  }
  return in_order(result, parsed.result).contiguous();
}

}  // namespace heddle
