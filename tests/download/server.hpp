// A web server on this machine's loopback for one test: each request is answered by the test's own function, with bytes that
// may be wrong, cut, or late.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace heddle::test {

struct Request {
  std::string path;
  std::size_t from = 0;  ///< of "Range: bytes=FROM-"
};

/// An answer with its head, as it goes over the line; then the connection is closed.
struct Answer {
  std::string bytes;
  std::chrono::milliseconds wait{0};  ///< with the connection open, after the bytes
};

inline Answer ok(const std::string& body) {
  return {"HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body};
}
/// From `from` on, as Range asks for it; of `all` bytes sends only up to `until`.
inline Answer part(const std::string& body, std::size_t from, std::size_t until = std::string::npos) {
  const std::string last = std::to_string(body.size() - 1), size = std::to_string(body.size());
  std::string head =
      from ? "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes " + std::to_string(from) + "-" + last + "/" + size
           : "HTTP/1.1 200 OK";
  head += "\r\nContent-Length: " + std::to_string(body.size() - from) + "\r\n\r\n";
  return {head + body.substr(from, until == std::string::npos ? until : until - from)};
}
inline Answer status(int code, const std::string& more = "") {
  return {"HTTP/1.1 " + std::to_string(code) + " Something\r\n" + more + "Content-Length: 0\r\n\r\n"};
}

class Server {
 public:
  explicit Server(std::function<Answer(const Request&)> answer) : answer_(std::move(answer)) {
    ::setenv("no_proxy", "127.0.0.1", 1);  // whatever proxy this machine has
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener_, 8) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
      throw std::runtime_error("no server on the loopback");
    port_ = ::ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  ~Server() {
    stop_ = true;
    thread_.join();
    ::close(listener_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string url(const std::string& path = "/file") const { return "http://127.0.0.1:" + std::to_string(port_) + path; }
  std::vector<Request> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

 private:
  void run() {
    while (!stop_) {
      pollfd waiting{listener_, POLLIN, 0};
      if (::poll(&waiting, 1, 20) <= 0) continue;
      const int connection = ::accept(listener_, nullptr, nullptr);
      if (connection < 0) continue;
      if (const auto request = read_request(connection)) {
        {
          const std::lock_guard lock(mutex_);
          requests_.push_back(*request);
        }
        const Answer answer = answer_(*request);
        for (std::size_t sent = 0; sent < answer.bytes.size();) {
          const ssize_t n = ::send(connection, answer.bytes.data() + sent, answer.bytes.size() - sent, MSG_NOSIGNAL);
          if (n <= 0) break;
          sent += static_cast<std::size_t>(n);
        }
        for (auto left = answer.wait; left.count() > 0 && !stop_; left -= std::chrono::milliseconds(20))
          std::this_thread::sleep_for(std::chrono::milliseconds(20));
      }
      ::close(connection);
    }
  }
  static std::optional<Request> read_request(int connection) {
    std::string text;
    char buffer[4096];
    while (text.find("\r\n\r\n") == std::string::npos) {
      const ssize_t n = ::recv(connection, buffer, sizeof buffer, 0);
      if (n <= 0) return std::nullopt;
      text.append(buffer, static_cast<std::size_t>(n));
    }
    Request request;
    const std::size_t begin = text.find(' ') + 1;
    request.path = text.substr(begin, text.find(' ', begin) - begin);
    if (const std::size_t range = text.find("bytes="); range != std::string::npos)
      request.from = static_cast<std::size_t>(std::strtoull(text.c_str() + range + 6, nullptr, 10));
    return request;
  }

  std::function<Answer(const Request&)> answer_;
  int listener_ = -1, port_ = 0;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::vector<Request> requests_;
  std::thread thread_;
};

}  // namespace heddle::test
