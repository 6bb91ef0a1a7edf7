--- Remove members of a range of scores or positions from every window of a board, with their data.
--
-- A call removes as many as 200 sorted sets of the plan allow, at most 50. Each removal is that of remove.lua.
-- @batch 1
-- @full runs         it frees memory; its markers are small, and expire with the log
-- @include leaderboard/board
-- @include leaderboard/removal
-- @include leaderboard/remove_expired
-- @include now
-- @shared keys keys  sorted sets, logs and data, at the indexes in the plan
-- @shared plan       JSON, see lua/_lib/leaderboard/removal.lua
-- @item arg window   number of the window that the range is about
-- @item arg kind     "score" or "position"
-- @item arg best     the bound of the best sort values, or the first position from 0
-- @item arg worst    the bound of the worst, or the last position
-- @returns integer|list 0 when more entries have expired: call again; Redis' time, when it is outside of the periods that the client sent; else the removed members

local of = removal.open(keys, plan)

local function item(window, kind, best, worst)
  local config = of.config
  of.windows = of.windows or board.open(keys, config)
  if not of.windows then
    return now
  end
  local wrong = board.wrong(config, keys, of.windows)
  if wrong then
    return wrong
  end
  if not remove_expired(config, of.windows) then
    return 0
  end
  local most = math.max(1, math.min(50, math.floor(200 / (2 * #of.windows + #config.former))))
  local z, members = of.windows[tonumber(window)].z, nil
  if kind == 'score' then
    local low, high = best, worst
    if config.reverse then
      low, high = worst, best
    end
    members = redis.call('ZRANGE', z, low, high, 'BYSCORE', 'LIMIT', 0, most)
  else
    members = board.members(config, z, best, math.min(worst, best + most - 1))
  end
  for _, member in ipairs(members) do
    local planned = removal.prepare(of, member)
    if type(planned) ~= 'table' or planned.err then
      return planned
    end
    removal.apply(of, planned)
  end
  return members
end
