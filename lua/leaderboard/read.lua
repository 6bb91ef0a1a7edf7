--- Read an all-time or calendar window of a board.
-- @batch 16
-- @readonly
-- @include leaderboard/board
-- @include now
-- @include leaderboard/rows
-- @shared keys keys  the window's sorted sets, and the members' data, at the indexes in the plan
-- @shared plan       JSON, see lua/_lib/leaderboard/board.lua, with one window
-- @item arg what     a read of lua/_lib/leaderboard/rows.lua
-- @item arg style    ordinal, competition or dense
-- @item arg data     1 to read the members' data too, else 0; see lua/_lib/leaderboard/rows.lua
-- @item arg a        first argument
-- @item arg b        second argument
-- @item arg c        third argument
-- @item arg d        fourth argument
-- @returns integer|string|null Redis' time, when it is outside of the periods that the client sent; else the lines of the read

local config = cjson.decode(plan)
local open

local function item(what, style, data, a, b, c, d)
  open = open or board.open(keys, config)
  if not open then
    return now
  end
  return rows[what](config, open[1], style, rows.how(data, keys[config.data]), a, b, c, d)
end
