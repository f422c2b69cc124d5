#include "heddle/train/interrupt.hpp"

#include <array>
#include <atomic>
#include <csignal>

#include "heddle/base/check.hpp"

namespace heddle::train {
namespace {

constexpr std::array watched = {SIGINT, SIGTERM, SIGHUP};
std::atomic<int> first_signal{0};
std::atomic<bool> watching{false};
std::array<struct sigaction, watched.size()> before;
std::array<bool, watched.size()> taken;

// nohup and `trap '' INT` start a program with signals that shall not reach it.
bool is_ignored(const struct sigaction& action) { return !(action.sa_flags & SA_SIGINFO) && action.sa_handler == SIG_IGN; }

static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may touch nothing else");

extern "C" void note_signal(int signal) {
  int none = 0;
  first_signal.compare_exchange_strong(none, signal);
}

}  // namespace

SignalWatch::SignalWatch() {
  check(!watching.exchange(true), "SignalWatch", "expected one at a time, got a second");
  first_signal = 0;
  for (std::size_t i = 0; i < watched.size(); ++i) {
    ::sigaction(watched[i], nullptr, &before[i]);
    taken[i] = !is_ignored(before[i]);
    if (!taken[i]) continue;
    struct sigaction action {};
    action.sa_handler = note_signal;
    sigemptyset(&action.sa_mask);
    // Reset by the first: the second does what it always does. Restarted: no write in the middle of a file fails for it.
    action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
    ::sigaction(watched[i], &action, nullptr);
  }
}

SignalWatch::~SignalWatch() {
  for (std::size_t i = 0; i < watched.size(); ++i)
    if (taken[i]) ::sigaction(watched[i], &before[i], nullptr);
  watching = false;
}

int SignalWatch::received() const {
  return first_signal;
}

}  // namespace heddle::train
