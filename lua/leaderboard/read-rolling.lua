--- Read a rolling window, after taking out what has to leave: at most 32 entries in a call.
-- @batch 16
-- @full runs         a read that is due must come, and it takes entries out; a sum that comes back replaces its entry
-- @include leaderboard/board
-- @include leaderboard/rows
-- @include leaderboard/expel
-- @include typed
-- @shared keys keys  the window's keys, and the members' data, at the places that the plan gives
-- @shared plan       JSON, see lua/_lib/leaderboard/board.lua, with one window
-- @item arg what     a read of lua/_lib/leaderboard/rows.lua
-- @item arg style    ordinal, competition or dense
-- @item arg data     1 when the members' data are wanted, else 0; see lua/_lib/leaderboard/rows.lua
-- @item arg a        first argument
-- @item arg b        second argument
-- @item arg c        third argument
-- @item arg d        fourth argument
-- @returns integer|string|null 0 when more has to leave: call again; else what was read

local config = cjson.decode(plan)
local open, settled

local function item(what, style, data, a, b, c, d)
  if settled == nil then
    open = board.open(keys, config)
    local wrong = board.wrong(config, keys, open) or typed(keys[config.data], 'hash')
    if wrong then
      return wrong
    end
    settled = expel(config, open)
  end
  if not settled then
    return 0
  end
  return rows[what](config, open[1], style, rows.how(data, keys[config.data]), a, b, c, d)
end
