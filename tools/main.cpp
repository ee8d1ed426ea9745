#include "commands.hpp"

#include <fmt/core.h>

#include <csignal>

int main(int argc, char** argv)
{
    // A reader that goes away shows in the write that fails, and ends the program quietly.
    std::signal(SIGPIPE, SIG_IGN);

    CLI::App app("strandcast: realtime events over WebSocket");
    app.set_version_flag("--version", STRANDCAST_VERSION);
    app.require_subcommand(1);
    tool::Run run;
    tool::addServe(app, run);
    tool::addSub(app, run);
    tool::addPub(app, run);
    try
    {
        app.parse(argc, argv);
    }
    catch (const CLI::ParseError& error)
    {
        return app.exit(error) == 0 ? 0 : 2;
    }
    return run();
}
