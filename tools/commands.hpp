#pragma once

#include <CLI/CLI.hpp>

#include <functional>

namespace tool
{

/// What a subcommand does once its arguments are read: gives the exit code of the program.
using Run = std::function<int()>;

// Each adds its subcommand, and sets `run` where it is the one that was given.
void addServe(CLI::App& app, Run& run);
void addSub(CLI::App& app, Run& run);
void addPub(CLI::App& app, Run& run);

}  // namespace tool
