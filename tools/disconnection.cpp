#include "disconnection.hpp"

#include <fmt/format.h>

namespace tool
{

std::string describeLoss(const std::string& url, const strandcast::CloseReason& reason)
{
    auto line = fmt::format("the connection to {} is lost: close code {}", url.substr(0, url.find('?')),
                            static_cast<int>(reason.code));
    return reason.text.empty() ? line : line + ", " + reason.text;
}

}  // namespace tool
