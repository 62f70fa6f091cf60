#include "dynamo_client.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace vouch::election {
namespace {

using Json = nlohmann::json;

/// Errors after which the request surely is not applied, now or later. Another, and every 5xx, is
/// one of which nobody knows.
constexpr std::array<std::string_view, 20> kSurelyNotApplied{
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignatureException",
    "InvalidSignatureException",
    "ItemCollectionSizeLimitExceededException",
    "LimitExceededException",
    "MissingAuthenticationTokenException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ResourceInUseException",
    "ResourceNotFoundException",
    "SerializationException",
    "ThrottlingException",
    "TransactionCanceledException",
    "TransactionConflictException",
    "UnknownOperationException",
    "UnrecognizedClientException",
    "ValidationException",
    "InvalidClientTokenId",
    "MissingAuthenticationToken",
};

/// Their text may quote the request as it was signed, session token and all.
constexpr std::array<std::string_view, 2> kQuotesTheRequest{"InvalidSignatureException",
                                                            "IncompleteSignatureException"};

/// Others may do better: the credentials are looked for anew.
constexpr std::array<std::string_view, 3> kCredentialsRefused{
    "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId"};

constexpr std::size_t kMessageMax = 300;

constexpr std::chrono::minutes kSkewTold{2};

template <std::size_t kCount>
bool is_one_of(const std::array<std::string_view, kCount>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::chrono::sys_seconds calendar_now() {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

/// The service's message without anything that is secret, on one line, of bounded length.
std::string clean(std::string message, const AwsCredentials& secrets) {
  for (const std::string* secret :
       {&secrets.secret_key, &secrets.session_token, &secrets.access_key}) {
    for (std::size_t at = 0; !secret->empty() && (at = message.find(*secret)) != message.npos;)
      message.replace(at, secret->size(), "...");
  }
  std::replace_if(
      message.begin(), message.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; },
      ' ');
  if (message.size() > kMessageMax) message.resize(kMessageMax);
  return message;
}

std::string message_of(const Json& body) {
  for (const char* name : {"message", "Message"}) {
    const auto found = body.find(name);
    if (found != body.end() && found->is_string()) return found->get<std::string>();
  }
  return {};
}

/// Of "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException" what follows the #.
std::string type_of(const Json& body) {
  if (!body.is_object()) return {};
  const auto found = body.find("__type");
  if (found == body.end() || !found->is_string()) return {};
  const auto text = found->get<std::string>();
  return text.substr(text.find('#') + 1);
}

/// A wrong clock is why signatures are refused, if nothing else is.
std::string skew_of(const HttpReply& reply) {
  if (!reply.date) return {};
  const auto ahead = calendar_now() - *reply.date;
  if (std::chrono::abs(ahead) < kSkewTold) return {};
  return "; this machine's clock is " + std::to_string(std::chrono::abs(ahead).count()) + " s " +
         (ahead.count() > 0 ? "ahead of" : "behind") + " the service's";
}

}  // namespace

Result<std::unique_ptr<DynamoClient>> DynamoClient::create(const DynamoConfig& config,
                                                           const AwsEnvironment& environment) {
  std::string region = config.region;
  if (region.empty()) region = environment("AWS_REGION");
  if (region.empty()) region = environment("AWS_DEFAULT_REGION");
  if (region.empty() && !config.endpoint.empty()) region = "us-east-1";
  if (region.empty()) {
    return Error{Errc::kBadConfig,
                 "region: must be given, or AWS_REGION be set, if there is no endpoint"};
  }
  // It becomes part of a host name and of the signature.
  DynamoConfig with_region = config;
  with_region.region = region;
  if (Status valid = validate(with_region); !valid) return valid.error();
  std::string endpoint = config.endpoint;
  if (endpoint.empty()) {
    endpoint =
        "https://dynamodb." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn" : "");
  }
  auto http = HttpClient::create();
  if (!http) return http.error();
  return std::unique_ptr<DynamoClient>(new DynamoClient(
      *std::move(http), std::move(endpoint), std::move(region), config.profile, environment));
}

DynamoClient::DynamoClient(std::unique_ptr<HttpClient> http, std::string endpoint,
                           std::string region, const std::string& profile,
                           const AwsEnvironment& environment)
    : http_(std::move(http)),
      endpoint_(std::move(endpoint)),
      region_(std::move(region)),
      credentials_(profile, environment) {}

DynamoAnswer DynamoClient::call(const std::string& action, const Json& body, Duration timeout) {
  DynamoAnswer answer;
  const auto begun = std::chrono::steady_clock::now();
  const Result<AwsCredentials> credentials = credentials_.get(calendar_now(), timeout);
  if (!credentials) {
    answer.trouble = credentials.error().message;
    return answer;
  }
  const Duration left = timeout - (std::chrono::steady_clock::now() - begun);
  if (left <= Duration::zero()) {
    answer.trouble = "the credentials took all the time there was";
    return answer;
  }
  HttpRequest request{.method = "POST",
                      .url = endpoint_,
                      .headers = {{"Content-Type", "application/x-amz-json-1.0"},
                                  {"X-Amz-Target", "DynamoDB_20120810." + action}},
                      .body = {},
                      .timeout = left,
                      .signing = AwsSigning{.region = region_,
                                            .service = "dynamodb",
                                            .access_key = credentials->access_key,
                                            .secret_key = credentials->secret_key,
                                            .session_token = credentials->session_token}};
  try {
    request.body = body.dump();
  } catch (const Json::type_error&) {
    answer.trouble = "names, owners and keys must be UTF-8 here";
    return answer;
  }
  return judge(http_->send(request), *credentials);
}

DynamoAnswer DynamoClient::judge(const HttpReply& reply, const AwsCredentials& secrets) {
  DynamoAnswer answer;
  if (reply.outcome != HttpOutcome::kAnswered) {
    answer.outcome = reply.outcome == HttpOutcome::kNotSent ? StoreOutcome::kUnavailable
                                                            : StoreOutcome::kAmbiguous;
    answer.trouble = endpoint_ + ": " + reply.trouble;
    return answer;
  }
  answer.body = Json::parse(reply.body, nullptr, false);
  if (reply.status == 200 && answer.body.is_object()) {
    answer.outcome = StoreOutcome::kApplied;
    return answer;
  }
  answer.outcome = StoreOutcome::kAmbiguous;
  answer.error_type = clean(type_of(answer.body), secrets);
  if (answer.error_type.empty()) {
    answer.trouble =
        endpoint_ + ": status " + std::to_string(reply.status) + " without a usable reply";
    return answer;
  }
  answer.trouble = answer.error_type;
  if (!is_one_of(kQuotesTheRequest, answer.error_type)) {
    answer.trouble += ": " + clean(message_of(answer.body), secrets);
  }
  if (reply.status < 400 || reply.status > 499) return answer;
  if (answer.error_type == "ConditionalCheckFailedException") {
    answer.outcome = StoreOutcome::kConditionFailed;
    answer.trouble.clear();
  } else if (is_one_of(kSurelyNotApplied, answer.error_type)) {
    answer.outcome = StoreOutcome::kUnavailable;
    answer.trouble += skew_of(reply);
  }
  if (is_one_of(kCredentialsRefused, answer.error_type)) credentials_.forget();
  return answer;
}

}  // namespace vouch::election
