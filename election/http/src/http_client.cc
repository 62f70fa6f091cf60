#include "vouch/election_http/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <ctime>
#include <mutex>
#include <utility>

namespace vouch::election {
namespace {

using std::chrono::milliseconds;

/// How long one wait for the network lasts at most; `abort` wakes it at once.
constexpr int kWaitMs = 1000;

constexpr std::size_t kDateMax = 64;

bool initialize_once() {
  static std::once_flag once;
  static CURLcode code = CURLE_FAILED_INIT;
  std::call_once(once, [] { code = curl_global_init(CURL_GLOBAL_DEFAULT); });
  return code == CURLE_OK;
}

/// libcurl takes zero for "none", so that a shorter time is a millisecond.
long timeout_ms(Duration timeout) {
  if (timeout <= Duration::zero()) return 0;
  const auto whole = std::chrono::ceil<milliseconds>(timeout).count();
  return static_cast<long>(std::clamp<std::int64_t>(whole, 1, 86'400'000));
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f;
  });
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

/// The host as the URL has it, in lower case; empty if there is none.
std::string host_of(const std::string& url) {
  CURLU* const parts = curl_url();
  char* host = nullptr;
  std::string found;
  if (parts != nullptr && curl_url_set(parts, CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
      curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK) {
    found = lower_case(host);
  }
  curl_free(host);
  curl_url_cleanup(parts);
  return found;
}

bool is_near(const std::string& host) {
  return host == "localhost" || host.starts_with("127.") || host == "[::1]" ||
         host.starts_with("169.254.") || host.starts_with("[fe80:") || host == "[fd00:ec2::254]";
}

/// One transfer, as the callbacks see it.
struct Transfer {
  CURL* easy = nullptr;
  std::size_t bytes_max = 0;
  const HttpClient::TakePiece* take = nullptr;
  HttpReply* reply = nullptr;
  int sends = 0;
  const char* stopped = nullptr;  ///< Why one of us ended it.
};

/// Called when a connection stands, before the first byte of the request goes out.
int before_sending(void* context, char* /*peer*/, char* /*local*/, int /*peer_port*/,
                   int /*local_port*/) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (transfer.sends++ == 0) return CURL_PREREQFUNC_OK;
  transfer.stopped = "the connection broke before a reply came";
  return CURL_PREREQFUNC_ABORT;
}

std::size_t take_body(char* data, std::size_t /*size*/, std::size_t bytes, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  long status = 0;
  curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
  if (transfer.take != nullptr && status == 200) {
    if ((*transfer.take)(std::string_view(data, bytes))) return bytes;
    transfer.stopped = "ended by its reader";
    return 0;
  }
  if (bytes > transfer.bytes_max - transfer.reply->body.size()) {
    transfer.stopped = "the reply is too long";
    return 0;
  }
  transfer.reply->body.append(data, bytes);
  return bytes;
}

std::size_t take_header(char* data, std::size_t /*size*/, std::size_t bytes, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const std::string_view line(data, bytes);
  if (line.size() < 5 || line.size() > kDateMax || lower_case(line.substr(0, 5)) != "date:") {
    return bytes;
  }
  const std::time_t date = curl_getdate(std::string(line.substr(5)).c_str(), nullptr);
  if (date > 0) {
    transfer.reply->date =
        std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::from_time_t(date));
  }
  return bytes;
}

/// The headers of one request, as libcurl takes them.
class HeaderList {
 public:
  HeaderList() = default;
  HeaderList(const HeaderList&) = delete;
  HeaderList& operator=(const HeaderList&) = delete;
  ~HeaderList() { curl_slist_free_all(list_); }

  void add(const std::string& line) {
    curl_slist* const longer = curl_slist_append(list_, line.c_str());
    is_whole_ = is_whole_ && longer != nullptr;
    if (longer != nullptr) list_ = longer;
  }
  [[nodiscard]] curl_slist* get() const { return list_; }
  [[nodiscard]] bool is_whole() const { return is_whole_; }

 private:
  curl_slist* list_ = nullptr;
  bool is_whole_ = true;
};

}  // namespace

class HttpClient::Impl {
 public:
  Impl(HttpClientConfig config, CURLM* multi, CURL* easy)
      : config_(std::move(config)), multi_(multi), easy_(easy) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    curl_easy_cleanup(easy_);
    curl_multi_cleanup(multi_);
  }

  HttpReply run(const HttpRequest& request, const TakePiece* take) {
    HttpReply reply;
    if (is_aborted_) {
      reply.trouble = "aborted";
      return reply;
    }
    if (const char* wrong = fault_of(request); wrong != nullptr) {
      reply.trouble = wrong;
      return reply;
    }
    Transfer transfer{easy_, config_.reply_bytes_max, take, &reply};
    HeaderList headers;
    std::array<char, CURL_ERROR_SIZE> message{};
    const CURLcode code =
        set_up(request, headers, transfer, message.data()) ? perform() : CURLE_OUT_OF_MEMORY;
    conclude(code, transfer, message.data());
    curl_easy_reset(easy_);
    return reply;
  }

  void abort() {
    is_aborted_ = true;
    curl_multi_wakeup(multi_);
  }
  void resume() { is_aborted_ = false; }

 private:
  static const char* fault_of(const HttpRequest& request) {
    for (const HttpHeader& header : request.headers) {
      if (has_control_character(header.name) || has_control_character(header.value)) {
        return "a header holds a control character";
      }
    }
    if (request.signing && has_control_character(request.signing->session_token)) {
      return "the session token holds a control character";
    }
    return has_control_character(request.url) ? "the URL holds a control character" : nullptr;
  }

  template <typename Value>
  void set(CURLoption option, Value value) {
    is_set_ = curl_easy_setopt(easy_, option, value) == CURLE_OK && is_set_;
  }

  bool set_up(const HttpRequest& request, HeaderList& headers, Transfer& transfer, char* message) {
    is_set_ = true;
    set(CURLOPT_ERRORBUFFER, message);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_PROTOCOLS_STR, "http,https");
    set(CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
    set(CURLOPT_URL, request.url.c_str());
    if (is_near(host_of(request.url))) set(CURLOPT_PROXY, "");
    set(CURLOPT_TIMEOUT_MS, timeout_ms(request.timeout));
    set(CURLOPT_CONNECTTIMEOUT_MS, timeout_ms(config_.connect_timeout));
    set(CURLOPT_MAXAGE_CONN, static_cast<long>(config_.idle_max.count()));
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    if (!config_.ca_file.empty()) set(CURLOPT_CAINFO, config_.ca_file.c_str());
    if (!config_.cert_file.empty()) set(CURLOPT_SSLCERT, config_.cert_file.c_str());
    if (!config_.key_file.empty()) set(CURLOPT_SSLKEY, config_.key_file.c_str());
    set(CURLOPT_WRITEFUNCTION, &take_body);
    set(CURLOPT_WRITEDATA, &transfer);
    set(CURLOPT_HEADERFUNCTION, &take_header);
    set(CURLOPT_HEADERDATA, &transfer);
    set(CURLOPT_PREREQFUNCTION, &before_sending);
    set(CURLOPT_PREREQDATA, &transfer);
    if (request.method == "POST" || request.method == "PUT") {
      set(CURLOPT_POST, 1L);
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(CURLOPT_POSTFIELDS, request.body.c_str());
    }
    set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
    for (const HttpHeader& header : request.headers)
      headers.add(header.name + ": " + header.value);
    if (request.signing) sign(*request.signing, headers);
    set(CURLOPT_HTTPHEADER, headers.get());
    return is_set_ && headers.is_whole();
  }

  void sign(const AwsSigning& signing, HeaderList& headers) {
    if (!signing.session_token.empty()) {
      headers.add("X-Amz-Security-Token: " + signing.session_token);
    }
    set(CURLOPT_AWS_SIGV4, ("aws:amz:" + signing.region + ":" + signing.service).c_str());
    set(CURLOPT_USERNAME, signing.access_key.c_str());
    set(CURLOPT_PASSWORD, signing.secret_key.c_str());
  }

  CURLcode perform() {
    CURLcode code = CURLE_FAILED_INIT;
    if (curl_multi_add_handle(multi_, easy_) != CURLM_OK) return code;
    int running = 1;
    while (curl_multi_perform(multi_, &running) == CURLM_OK && running != 0) {
      if (is_aborted_ || curl_multi_poll(multi_, nullptr, 0, kWaitMs, nullptr) != CURLM_OK) {
        break;
      }
    }
    if (running != 0) code = CURLE_ABORTED_BY_CALLBACK;
    int left = 0;
    while (const CURLMsg* const message = curl_multi_info_read(multi_, &left)) {
      if (message->msg == CURLMSG_DONE) code = message->data.result;
    }
    // One that has not ended loses its connection here.
    curl_multi_remove_handle(multi_, easy_);
    return code;
  }

  static void conclude(CURLcode code, const Transfer& transfer, const char* message) {
    HttpReply& reply = *transfer.reply;
    long status = 0;
    curl_easy_getinfo(transfer.easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK) {
      reply.outcome = HttpOutcome::kAnswered;
      reply.status = static_cast<int>(status);
      return;
    }
    reply.outcome = transfer.sends == 0 ? HttpOutcome::kNotSent : HttpOutcome::kNoReply;
    reply.body.clear();
    reply.trouble = transfer.stopped != nullptr         ? transfer.stopped
                    : code == CURLE_ABORTED_BY_CALLBACK ? "aborted"
                    : *message != '\0'                  ? message
                                                        : curl_easy_strerror(code);
  }

  HttpClientConfig config_;
  CURLM* multi_;
  CURL* easy_;
  std::atomic<bool> is_aborted_ = false;
  bool is_set_ = true;
};

Result<std::unique_ptr<HttpClient>> HttpClient::create(HttpClientConfig config) {
  CURLM* const multi = initialize_once() ? curl_multi_init() : nullptr;
  CURL* const easy = multi == nullptr ? nullptr : curl_easy_init();
  if (easy == nullptr) {
    if (multi != nullptr) curl_multi_cleanup(multi);
    return Error{Errc::kUnavailable, "libcurl cannot be started"};
  }
  return std::unique_ptr<HttpClient>(
      new HttpClient(std::make_unique<Impl>(std::move(config), multi, easy)));
}

HttpClient::HttpClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HttpClient::~HttpClient() = default;

HttpReply HttpClient::send(const HttpRequest& request) {
  return impl_->run(request, nullptr);
}
HttpReply HttpClient::stream(const HttpRequest& request, const TakePiece& take) {
  return impl_->run(request, &take);
}
void HttpClient::abort() {
  impl_->abort();
}
void HttpClient::resume() {
  impl_->resume();
}

}  // namespace vouch::election
