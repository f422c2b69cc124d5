// Softmax and the losses on the CPU: three short passes over rows that stay in the first cache.
//
// Losses are summed in double, one partial sum for each piece of `piece_of` rows, added in order. Bytes: cross-entropy reads
// logits once and writes log-probabilities; its backward pass reads those and writes the gradient.
#include "heddle/base/inline.hpp"
#include "heddle/base/isa.hpp"
#include "heddle/base/parallel.hpp"
#include "kernels/loss/loss.hpp"
#include "kernels/loss/softmax_cpu.hpp"

namespace heddle::kernels {
namespace {

constexpr std::int64_t grain = 16384;  // elements in a piece of work

HD_INLINE std::int64_t piece_of(std::int64_t row) {
  return row >= grain ? 1 : grain / (row > 0 ? row : 1);
}
HD_INLINE std::int64_t smaller(std::int64_t a, std::int64_t b) {
  return a < b ? a : b;
}

template <class T>
void softmax(Stream, const SoftmaxShape& s, bool log, const T* x, T* y) {
  if (s.outer * s.classes * s.inner == 0) return;
  if (s.inner == 1) {
    parallel_for(s.outer, piece_of(s.classes), [=](std::int64_t begin, std::int64_t end) {
      softmax_of_rows(end - begin, s.classes, log, x + begin * s.classes, y + begin * s.classes);
    });
    return;
  }
  const std::int64_t strips = (s.inner + softmax_columns - 1) / softmax_columns;
  parallel_for(s.outer * strips, piece_of(s.classes * smaller(s.inner, softmax_columns)),
               [=](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   const std::int64_t column = i % strips * softmax_columns, at = i / strips * s.classes * s.inner + column;
                   softmax_of_columns(s.classes, smaller(softmax_columns, s.inner - column), s.inner, log, x + at, y + at);
                 }
               });
}

// softmax: dx = y (dy - sum(y dy)); log_softmax: dx = dy - exp(y) sum(dy). Columns as in softmax_of_columns.
template <class T>
void softmax_backward(Stream, const SoftmaxShape& s, bool log, const T* y, const T* dy, T* dx) {
  const std::int64_t strips = (s.inner + softmax_columns - 1) / softmax_columns;
  parallel_for(s.outer * strips, piece_of(s.classes * smaller(s.inner, softmax_columns)),
               [=](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   const std::int64_t column = i % strips * softmax_columns, at = i / strips * s.classes * s.inner + column;
                   const std::int64_t width = smaller(softmax_columns, s.inner - column);
                   T sum[softmax_columns] = {};
                   if (s.inner == 1) {  // along the row, in eight running sums
                     T running[8] = {};
                     std::int64_t c = 0;
                     for (; c + 8 <= s.classes; c += 8)
                       for (int l = 0; l < 8; ++l) running[l] += log ? dy[at + c + l] : y[at + c + l] * dy[at + c + l];
                     for (; c < s.classes; ++c) running[c % 8] += log ? dy[at + c] : y[at + c] * dy[at + c];
                     sum[0] = ((running[0] + running[1]) + (running[2] + running[3])) +
                              ((running[4] + running[5]) + (running[6] + running[7]));
                     const T total = sum[0];
                     if (log)
                       for (c = 0; c < s.classes; ++c) dx[at + c] = dy[at + c] - vector_exp(y[at + c]) * total;
                     else
                       for (c = 0; c < s.classes; ++c) dx[at + c] = y[at + c] * (dy[at + c] - total);
                     continue;
                   }
                   for (std::int64_t c = 0; c < s.classes; ++c)
                     for (std::int64_t j = 0; j < width; ++j) {
                       const std::int64_t k = at + c * s.inner + j;
                       sum[j] += log ? dy[k] : y[k] * dy[k];
                     }
                   for (std::int64_t c = 0; c < s.classes; ++c)
                     HD_IVDEP
                     for (std::int64_t j = 0; j < width; ++j) {
                       const std::int64_t k = at + c * s.inner + j;
                       dx[k] = log ? dy[k] - vector_exp(y[k]) * sum[j] : y[k] * (dy[k] - sum[j]);
                     }
                 }
               });
}

// Sums up row_loss(row, weight of its label) over the rows that count, and those weights; prepare(begin, end) goes before.
template <class T, class Prepare, class F>
void reduce_rows(const CrossEntropyShape& s, const std::int64_t* labels, const T* weight, T* loss, T* total_weight,
                 Prepare prepare, F row_loss) {
  const std::int64_t piece = piece_of(s.classes), pieces = (s.n + piece - 1) / piece;
  Scratch<double> sums(pieces), weights(pieces);
  parallel_for(s.n, piece, [&](std::int64_t begin, std::int64_t end) {
    prepare(begin, end);
    double sum = 0, total = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      const bool counts = labels[i] != s.ignore_index;
      const double w = !counts ? 0 : weight ? static_cast<double>(weight[labels[i]]) : 1;
      const double value = counts ? row_loss(i, w) : 0;
      if (s.reduction == Reduction::none) loss[i] = static_cast<T>(value);
      sum += value;
      total += w;
    }
    sums[begin / piece] = sum;
    weights[begin / piece] = total;
  });
  double sum = 0, total = 0;
  for (std::int64_t i = 0; i < pieces; ++i) sum += sums[i], total += weights[i];
  *total_weight = static_cast<T>(total);
  if (s.reduction != Reduction::none) *loss = static_cast<T>(s.reduction == Reduction::mean ? sum / total : sum);
}

// One row: (1 - e) w_label (-log p_label) + e / classes * sum over classes of w_c (-log p_c), e being the label smoothing.
template <class T>
void cross_entropy(Stream, const CrossEntropyShape& s, const T* logits, const std::int64_t* labels, const T* weight, T* loss,
                   T* log_probability, T* total_weight) {
  const double smooth = s.label_smoothing / static_cast<double>(s.classes);
  auto prepare = [=](std::int64_t begin, std::int64_t end) {
    softmax_of_rows(end - begin, s.classes, true, logits + begin * s.classes, log_probability + begin * s.classes);
  };
  reduce_rows(s, labels, weight, loss, total_weight, prepare, [=](std::int64_t i, double w) {
    const T* row = log_probability + i * s.classes;
    double value = -(1 - s.label_smoothing) * w * static_cast<double>(row[labels[i]]);
    if (smooth != 0) {
      double sum = 0;
      for (std::int64_t c = 0; c < s.classes; ++c)
        sum += weight ? static_cast<double>(weight[c]) * static_cast<double>(row[c]) : static_cast<double>(row[c]);
      value -= smooth * sum;
    }
    return value;
  });
}

// What the loss's gradient is worth for row i.
template <class T>
HD_INLINE T row_gradient(const CrossEntropyShape& s, const T* total_weight, const T* dloss, std::int64_t i) {
  return s.reduction == Reduction::none ? dloss[i] : s.reduction == Reduction::mean ? *dloss / *total_weight : *dloss;
}

template <class T>
void cross_entropy_backward(Stream, const CrossEntropyShape& s, const T* log_probability, const std::int64_t* labels,
                            const T* weight, const T* total_weight, const T* dloss, T* dlogits) {
  const T keep = static_cast<T>(1 - s.label_smoothing);
  const T smooth = static_cast<T>(s.label_smoothing / static_cast<double>(s.classes));
  T all = 0;  // the sum of all classes' weights
  for (std::int64_t c = 0; c < s.classes; ++c) all += weight ? weight[c] : T{1};
  parallel_for(s.n, piece_of(s.classes), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin * s.classes; k < end * s.classes; ++k) dlogits[k] = vector_exp(log_probability[k]);
    for (std::int64_t i = begin; i < end; ++i) {
      T* row = dlogits + i * s.classes;
      if (labels[i] == s.ignore_index) {
        for (std::int64_t c = 0; c < s.classes; ++c) row[c] = 0;
        continue;
      }
      const T g = row_gradient(s, total_weight, dloss, i), own = keep * (weight ? weight[labels[i]] : T{1});
      const T scale = g * (own + smooth * all), less = g * smooth;
      if (weight)
        for (std::int64_t c = 0; c < s.classes; ++c) row[c] = scale * row[c] - less * weight[c];
      else
        for (std::int64_t c = 0; c < s.classes; ++c) row[c] = scale * row[c] - less;
      row[labels[i]] -= g * own;
    }
  });
}

template <class T>
void nll_loss(Stream, const CrossEntropyShape& s, const T* log_probability, const std::int64_t* labels, const T* weight,
              T* loss, T* total_weight) {
  auto prepare = [](std::int64_t, std::int64_t) {};
  reduce_rows(s, labels, weight, loss, total_weight, prepare,
              [=](std::int64_t i, double w) { return -w * static_cast<double>(log_probability[i * s.classes + labels[i]]); });
}

template <class T>
void nll_loss_backward(Stream, const CrossEntropyShape& s, const std::int64_t* labels, const T* weight, const T* total_weight,
                       const T* dloss, T* dlog_probability) {
  parallel_for(s.n, piece_of(s.classes), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t k = begin * s.classes; k < end * s.classes; ++k) dlog_probability[k] = 0;
    for (std::int64_t i = begin; i < end; ++i)
      if (labels[i] != s.ignore_index)
        dlog_probability[i * s.classes + labels[i]] =
            -row_gradient(s, total_weight, dloss, i) * (weight ? weight[labels[i]] : T{1});
  });
}

template <class T>
void accumulate_metrics(Stream, std::int64_t n, std::int64_t classes, const T* logits, const std::int64_t* labels,
                        const T* loss, double* totals) {
  const std::int64_t piece = piece_of(classes), pieces = (n + piece - 1) / piece;
  Scratch<std::int64_t> right(pieces);
  parallel_for(n, piece, [&](std::int64_t begin, std::int64_t end) {
    std::int64_t count = 0;
    for (std::int64_t i = begin; i < end; ++i) {
      const T* row = logits + i * classes;
      std::int64_t best = 0;
      T most = row[0];
      for (std::int64_t c = 1; c < classes; ++c) {
        const bool better = (row[c] > most) | ((row[c] != row[c]) & (most == most));
        best = better ? c : best;
        most = better ? row[c] : most;
      }
      count += best == labels[i];
    }
    right[begin / piece] = count;
  });
  totals[0] += static_cast<double>(*loss) * static_cast<double>(n);
  for (std::int64_t i = 0; i < pieces; ++i) totals[1] += static_cast<double>(right[i]);
  totals[2] += static_cast<double>(n);
}

template <class T>
constexpr LossKernels<T> table{softmax<T>,  softmax_backward<T>,  cross_entropy<T>,     cross_entropy_backward<T>,
                               nll_loss<T>, nll_loss_backward<T>, accumulate_metrics<T>};

}  // namespace

template <>
const LossKernels<float>& CpuTable<this_isa, LossKernels<float>>::get(Variant) {
  return table<float>;
}
template <>
const LossKernels<double>& CpuTable<this_isa, LossKernels<double>>::get(Variant) {
  return table<double>;
}

#if HEDDLE_ISA_IS_BASE
template <>
const LossKernels<float>& LossKernels<float>::cpu() {
  return cpu_table<LossKernels<float>>(Variant::fast);
}
template <>
const LossKernels<double>& LossKernels<double>::cpu() {
  return cpu_table<LossKernels<double>>(Variant::fast);
}
#endif

}  // namespace heddle::kernels
