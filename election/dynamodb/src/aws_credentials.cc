#include "vouch/election_dynamodb/aws_credentials.h"

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "vouch/election_http/http_client.h"

namespace vouch::election {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::minutes kRenewBefore{5};

/// Between two tries to get what has not expired yet anew.
constexpr std::chrono::seconds kAskAgain{30};

/// The service is on the machine's own host: what takes longer is not there.
constexpr Duration kMetadataPatience = std::chrono::seconds(1);

constexpr const char* kMetadataEndpoint = "http://169.254.169.254";
constexpr const char* kMetadataPath = "/latest/meta-data/iam/security-credentials/";

std::string trimmed(const std::string& text) {
  const char* const blanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// `profile` of a file in the form of Amazon's tools; empty if the file does not have it.
std::optional<AwsCredentials> read_profile(const std::string& file, const std::string& profile) {
  std::ifstream in(file);
  bool is_here = false;
  std::optional<AwsCredentials> found;
  for (std::string line; std::getline(in, line);) {
    line = trimmed(line);
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    if (line[0] == '[') {
      is_here = trimmed(line.substr(1, line.find(']') - 1)) == profile;
      if (is_here && !found) found.emplace();
      continue;
    }
    const std::size_t equals = line.find('=');
    if (!is_here || equals == std::string::npos) continue;
    const std::string name = trimmed(line.substr(0, equals));
    const std::string value = trimmed(line.substr(equals + 1));
    if (name == "aws_access_key_id") found->access_key = value;
    if (name == "aws_secret_access_key") found->secret_key = value;
    if (name == "aws_session_token") found->session_token = value;
  }
  return found;
}

/// "2026-11-26T18:00:00Z".
std::optional<std::chrono::sys_seconds> read_time(const std::string& text) {
  std::tm utc{};
  const char* const end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return std::chrono::floor<std::chrono::seconds>(
      std::chrono::system_clock::from_time_t(timegm(&utc)));
}

std::string text_in(const Json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// What the metadata service says of a role.
std::optional<AwsCredentials> read_metadata(const std::string& text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object() || text_in(json, "Code") != "Success") return std::nullopt;
  AwsCredentials read{.access_key = text_in(json, "AccessKeyId"),
                      .secret_key = text_in(json, "SecretAccessKey"),
                      .session_token = text_in(json, "Token"),
                      .expires = read_time(text_in(json, "Expiration"))};
  if (read.access_key.empty() || read.secret_key.empty() || !read.expires) return std::nullopt;
  return read;
}

Error unavailable(const std::string& message) {
  return {Errc::kUnavailable, "credentials: " + message};
}

}  // namespace

AwsEnvironment process_environment() {
  return [](const std::string& name) -> std::string {
    const char* const value = std::getenv(name.c_str());
    return value == nullptr ? "" : value;
  };
}

class AwsCredentialSource::Impl {
 public:
  Impl(std::string profile, AwsEnvironment environment)
      : profile_(std::move(profile)), environment_(std::move(environment)) {}

  Result<AwsCredentials> get(std::chrono::sys_seconds now, Duration patience) {
    if (known_ && (!known_->expires || now < *known_->expires - kRenewBefore)) return *known_;
    const bool still_good = known_ && now < *known_->expires;
    if (still_good && now < asked_at_ + kAskAgain) return *known_;
    asked_at_ = now;
    Result<AwsCredentials> found = find(patience);
    if (!found && still_good) return *known_;
    known_.reset();
    if (found) known_ = *found;
    return found;
  }

  void forget() { known_.reset(); }

 private:
  Result<AwsCredentials> find(Duration patience) {
    AwsCredentials own{.access_key = environment_("AWS_ACCESS_KEY_ID"),
                       .secret_key = environment_("AWS_SECRET_ACCESS_KEY"),
                       .session_token = environment_("AWS_SESSION_TOKEN"),
                       .expires = {}};
    if (profile_.empty() && !own.access_key.empty()) {
      if (!own.secret_key.empty()) return own;
      return unavailable("AWS_SECRET_ACCESS_KEY must be set with AWS_ACCESS_KEY_ID");
    }
    std::string wanted = profile_.empty() ? environment_("AWS_PROFILE") : profile_;
    const bool is_asked_for = !wanted.empty();
    if (wanted.empty()) wanted = "default";
    const std::string file = file_name();
    if (const auto found = read_profile(file, wanted)) {
      if (!found->access_key.empty() && !found->secret_key.empty()) return *found;
      return unavailable(file + ": profile \"" + wanted +
                         "\" must have aws_access_key_id and aws_secret_access_key");
    }
    if (is_asked_for) return unavailable(file + ": must have profile \"" + wanted + "\"");
    return ask_metadata(patience);
  }

  [[nodiscard]] std::string file_name() const {
    const std::string named = environment_("AWS_SHARED_CREDENTIALS_FILE");
    return named.empty() ? environment_("HOME") + "/.aws/credentials" : named;
  }

  Result<AwsCredentials> ask_metadata(Duration patience) {
    const std::string nowhere =
        "there are none in the environment (AWS_ACCESS_KEY_ID) and in " + file_name();
    std::string disabled = environment_("AWS_EC2_METADATA_DISABLED");
    std::transform(disabled.begin(), disabled.end(), disabled.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (disabled == "true") return unavailable(nowhere);
    std::string endpoint = environment_("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    if (endpoint.empty()) endpoint = kMetadataEndpoint;
    while (endpoint.ends_with('/'))
      endpoint.pop_back();
    auto client = HttpClient::create();
    if (!client) return client.error();
    // Three requests share what time there is.
    HttpRequest request{.method = "PUT",
                        .url = endpoint + "/latest/api/token",
                        .headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "21600"}},
                        .body = {},
                        .timeout = std::min(patience, kMetadataPatience) / 3,
                        .signing = {}};
    HttpReply reply = (*client)->send(request);
    const std::string who = nowhere + ", and the metadata service at " + endpoint;
    if (reply.status != 200) return unavailable(who + " gives no token");
    request.headers = {{"X-aws-ec2-metadata-token", reply.body}};
    request.method = "GET";
    request.url = endpoint + kMetadataPath;
    reply = (*client)->send(request);
    const std::string role = trimmed(reply.body.substr(0, reply.body.find('\n')));
    if (reply.status != 200 || role.empty()) return unavailable(who + " knows no role");
    request.url += role;
    reply = (*client)->send(request);
    const std::optional<AwsCredentials> read =
        reply.status == 200 ? read_metadata(reply.body) : std::nullopt;
    if (!read) return unavailable(who + " gives none for its role");
    return *read;
  }

  std::string profile_;
  AwsEnvironment environment_;
  std::optional<AwsCredentials> known_;
  std::chrono::sys_seconds asked_at_{};
};

AwsCredentialSource::AwsCredentialSource(std::string profile, AwsEnvironment environment)
    : impl_(std::make_unique<Impl>(std::move(profile), std::move(environment))) {}
AwsCredentialSource::~AwsCredentialSource() = default;

Result<AwsCredentials> AwsCredentialSource::get(std::chrono::sys_seconds now, Duration patience) {
  return impl_->get(now, patience);
}
void AwsCredentialSource::forget() {
  impl_->forget();
}

}  // namespace vouch::election
