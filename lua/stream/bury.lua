--- Move an entry to the dead letters of its group, with the reason, if the consumer still has its lease.
--
-- About 10,000 dead letters are kept for each group.
-- @batch 64
-- @include holds
-- @item key stream   stream
-- @item key dead     stream of dead letters
-- @item arg group    group
-- @item arg consumer who has the lease
-- @item arg id       entry
-- @item arg attempt  delivery that failed
-- @item arg reason   why, as text
-- @returns integer   1 when moved, 0 when the lease was lost

-- An entry that something else wrote may have other fields.
local function payload_of(fields)
  for at = 1, #fields, 2 do
    if fields[at] == 'd' then
      return fields[at + 1]
    end
  end
  return fields[2]
end

local function item(stream, dead, group, consumer, id, attempt, reason)
  if not holds(stream, group, consumer, id, attempt) then
    return 0
  end
  local entry = redis.call('XRANGE', stream, id, id)[1]
  local payload = entry and payload_of(entry[2]) or 'null'
  redis.call('XADD', dead, 'MAXLEN', '~', 10000, '*', 'd', payload, 'id', id, 'attempt', attempt, 'reason', reason)
  return redis.call('XACK', stream, group, id)
end
