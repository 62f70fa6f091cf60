#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "vouch/detector/result.h"
#include "vouch/detector/time.h"

namespace vouch::election {

/// What requests to Amazon's services are signed with. No function of vouch prints any of it.
struct AwsCredentials {
  std::string access_key;
  std::string secret_key;
  std::string session_token;                        ///< Empty: none.
  std::optional<std::chrono::sys_seconds> expires;  ///< Empty: never.
};

/// A variable of the environment; empty if it is not set.
using AwsEnvironment = std::function<std::string(const std::string& name)>;

/// The process's own.
[[nodiscard]] AwsEnvironment process_environment();

/// Finds credentials where Amazon's own tools look for them, the first that has some:
///
/// 1. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, unless a profile is asked
///    for;
/// 2. the shared credentials file (AWS_SHARED_CREDENTIALS_FILE, ~/.aws/credentials): the profile
///    that was asked for, or AWS_PROFILE, or `default`;
/// 3. the instance metadata service, version 2 only (AWS_EC2_METADATA_SERVICE_ENDPOINT,
///    AWS_EC2_METADATA_DISABLED), unless a profile is asked for.
///
/// What expires is got anew five minutes before it does, and used to its end if that fails; what
/// the service has refused is looked for anew. Not thread-safe: give it one owner.
class AwsCredentialSource {
 public:
  AwsCredentialSource(std::string profile, AwsEnvironment environment);
  AwsCredentialSource(const AwsCredentialSource&) = delete;
  AwsCredentialSource& operator=(const AwsCredentialSource&) = delete;
  ~AwsCredentialSource();

  /// Those to sign with at `now`, by the clock of the calendar. Asks the metadata service, if at
  /// all, for no longer than `patience`. The message of an error names the source, never a value.
  [[nodiscard]] Result<AwsCredentials> get(std::chrono::sys_seconds now, Duration patience);

  /// The service refused them: the next `get` looks for others.
  void forget();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace vouch::election
