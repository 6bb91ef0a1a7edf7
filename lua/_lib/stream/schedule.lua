-- `schedule`: the state of a stream's schedules.
--
-- The hash has these fields of each schedule, with the schedule's id behind a letter:
--
--   d  definition, JSON             r  revision: changes with the definition and with a pause
--   a  last declared, ms            p  1 while it is paused
--   l  last occurrence, ms          e  id of the entry that was added last
--
-- The field `#` counts revisions. It stays when the last schedule is removed, so a stream that has had schedules has the
-- hash until Redis loses its data. The sorted set `due` has the next occurrence of each schedule, in milliseconds. A schedule that
-- is paused or has no next occurrence is not in it. The sorted set `ids` has all ids, with score 0.
--
-- `schedule.seen(schedules, due, id)` returns a text that changes whenever the schedule changes or moves on, which is what callers
-- fence their changes with; and the next occurrence. Both are nil if there is no such schedule.
local schedule = { seen = nil, state = nil }

function schedule.seen(schedules, due, id)
  local revision = redis.call('HGET', schedules, 'r' .. id)
  if not revision then
    return nil
  end
  local at = redis.call('ZSCORE', due, id)
  return revision .. ' ' .. (at or '-'), tonumber(at or nil)
end

-- Definition, the text of `seen`, paused, last declared, last occurrence and last entry, as text; the next occurrence is in `seen`.
function schedule.state(schedules, due, id)
  local found = redis.call('HMGET', schedules, 'd' .. id, 'p' .. id, 'a' .. id, 'l' .. id, 'e' .. id)
  return {
    id,
    found[1] or '',
    schedule.seen(schedules, due, id) or '',
    found[2] or '',
    found[3] or '',
    found[4] or '',
    found[5] or '',
  }
end
