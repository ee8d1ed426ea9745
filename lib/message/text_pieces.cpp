#include "message/text_pieces.hpp"

namespace strandcast
{

NumberText timestampText(Timestamp moment)
{
    struct Kept
    {
        Timestamp moment = {};
        NumberText text{0};
    };
    thread_local Kept kept;
    if (kept.moment != moment) kept = {moment, NumberText(moment.time_since_epoch().count())};
    return kept.text;
}

}  // namespace strandcast
