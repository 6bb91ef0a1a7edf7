--- Update members in every window of a board: all changes of an item, or none.
--
-- What may be refused is found before the first write. At most 32 entries are taken out of rolling windows first; when
-- more have to leave nothing else is done, so that no answer is stale, nor when many changes would follow on many entries.
-- @batch 32
-- @full refused      it may add members and entries
-- @include leaderboard/scoring
-- @shared keys keys  sorted sets and logs, at the places that the plan gives
-- @shared plan       JSON, see lua/_lib/leaderboard/board.lua; also `keep`, `data`, `ids`, `idlog`, `remember`, `events`
-- @item arg changes  JSON: a list of [i, s or b (increment, set, best), member, amount, id]
-- @item arg watch    number of the window whose change is wanted, or 0
-- @item arg events   1 when changes of rank are wanted, as the plan's `events` says
-- @returns integer|string|list 0: call again, more had to leave; more: the time, other periods are needed; text: the sort value in the first window after each change, a line each; else for each change that value, the change and the events

local of = scoring.open(keys, plan)

local function item(changes, watch, events)
  watch, events = tonumber(watch), events == '1'
  local planned = scoring.prepare(of, cjson.decode(changes), watch == 0 and not events)
  if type(planned) ~= 'table' or planned.err then
    return planned
  end
  return scoring.apply(of, planned, watch, events)
end
