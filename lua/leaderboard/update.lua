--- Update members in every window of a board: all changes of an item, or none.
--
-- Every check is before the first write. The script first removes at most 32 expired entries from rolling windows. It does
-- nothing else when more have expired, so that no reply is stale, nor when many changes would follow after many entries.
-- @batch 32
-- @full refused      it may add members and entries
-- @include leaderboard/scoring
-- @shared keys keys  sorted sets and logs, at the indexes in the plan
-- @shared plan       JSON, see lua/_lib/leaderboard/board.lua; also `keep`, `data`, `ids`, `idlog`, `dedup`, `events`
-- @item arg changes  JSON: a list of [i, s or b (increment, set, best), member, amount, id]
-- @item arg watch    number of the window whose change to reply, or 0
-- @item arg events   1 to reply changes of rank, according to the plan's `events`
-- @returns integer|string|list 0 when more entries have expired: call again; Redis' time, when it is outside of the periods that the client sent; text: the sort value in the first window after each change, in lines; else for each change that value, the change and the events

local of = scoring.open(keys, plan)

local function item(changes, watch, events)
  watch, events = tonumber(watch), events == '1'
  local planned = scoring.prepare(of, cjson.decode(changes), watch == 0 and not events)
  if type(planned) ~= 'table' or planned.err then
    return planned
  end
  return scoring.apply(of, planned, watch, events)
end
