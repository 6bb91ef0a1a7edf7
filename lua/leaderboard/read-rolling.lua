--- Read a rolling window after removing expired entries, at most 32 in a call.
-- @batch 16
-- @full runs         it removes entries, and reads must work; a sum that is not zero any more replaces its entry
-- @include leaderboard/board
-- @include leaderboard/rows
-- @include leaderboard/remove_expired
-- @include typed
-- @shared keys keys  the window's keys, and the members' data, at the indexes in the plan
-- @shared plan       JSON, see lua/_lib/leaderboard/board.lua, with one window
-- @item arg what     a read of lua/_lib/leaderboard/rows.lua
-- @item arg style    ordinal, competition or dense
-- @item arg data     1 to read the members' data too, else 0; see lua/_lib/leaderboard/rows.lua
-- @item arg a        first argument
-- @item arg b        second argument
-- @item arg c        third argument
-- @item arg d        fourth argument
-- @returns integer|string|null 0 when more entries have expired: call again; else the lines of the read

local config = cjson.decode(plan)
local open, current

local function item(what, style, data, a, b, c, d)
  if current == nil then
    open = board.open(keys, config)
    local wrong = board.wrong(config, keys, open) or typed(keys[config.data], 'hash')
    if wrong then
      return wrong
    end
    current = remove_expired(config, open)
  end
  if not current then
    return 0
  end
  return rows[what](config, open[1], style, rows.how(data, keys[config.data]), a, b, c, d)
end
