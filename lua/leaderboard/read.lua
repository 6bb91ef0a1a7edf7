--- Read one window of a board of which nothing has to leave.
-- @batch 16
-- @readonly
-- @include leaderboard/board
-- @include now
-- @include leaderboard/rows
-- @shared keys keys  the window's sorted sets, and the members' data, at the places that the plan gives
-- @shared plan       JSON, see lua/_lib/leaderboard/board.lua, with one window
-- @item arg what     a read of lua/_lib/leaderboard/rows.lua
-- @item arg style    ordinal, competition or dense
-- @item arg data     1 when the members' data are wanted, else 0; see lua/_lib/leaderboard/rows.lua
-- @item arg a        first argument
-- @item arg b        second argument
-- @item arg c        third argument
-- @item arg d        fourth argument
-- @returns integer|string|null the time, when other periods are needed; else what was read

local config = cjson.decode(plan)
local open

local function item(what, style, data, a, b, c, d)
  open = open or board.open(keys, config)
  if not open then
    return now
  end
  return rows[what](config, open[1], style, rows.how(data, keys[config.data]), a, b, c, d)
end
