--- Erase the name of a removed member from the stored increments, then delete its removal marker.
--
-- The id of an increment stays used and cannot be undone; the member in its record becomes a dash. A process may die between
-- any two steps: the marker stays, and the remaining increments cannot be undone. A step reads at most 128 ids.
-- @batch 1
-- @full runs         it replaces records by shorter ones
-- @include earlier
-- @include typed
-- @shared keys keys  the stored ids, and their log
-- @item arg member   member
-- @item arg from     where to continue, - for the start
-- @returns string|null where to continue, or null when the name is erased

local STEP = 128

-- The fields and new records of ids whose records name the member in increments before its removal.
local function naming(ids, member, fields, marker)
  local found = {}
  for at, record in ipairs(redis.call('HMGET', ids, unpack(fields))) do
    local place, of = string.match(record or '', '^(%d+%-%d+) %S+ %S+ (.*)$')
    if of == member and earlier(place, marker) then
      found[#found + 1] = fields[at]
      found[#found + 1] = place .. ' - - -'
    end
  end
  return found
end

local function item(member, from)
  local ids, idlog = keys[1], keys[2]
  local wrong = typed(ids, 'hash') or typed(idlog, 'stream')
  if wrong then
    return wrong
  end
  local removal = 'x' .. member
  local marker = redis.call('HGET', ids, removal)
  if not marker then
    return nil
  end
  if not string.match(marker, '^%d+%-%d+$') then
    -- Another program wrote it.
    redis.call('HDEL', ids, removal)
    return nil
  end
  local page = redis.pcall('XRANGE', idlog, from, marker, 'COUNT', STEP)
  if page.err then
    return page
  end
  local fields, removals = {}, {}
  for _, entry in ipairs(page) do
    local field = entry[2][2]
    if field == removal then
      removals[#removals + 1] = entry[1]
    else
      fields[#fields + 1] = field
    end
  end
  local erased = #fields > 0 and naming(ids, member, fields, marker) or {}
  if #erased > 0 then
    redis.call('HSET', ids, unpack(erased))
  end
  local last = #page == STEP and page[STEP][1]
  if last == marker then
    last = nil
  end
  if not last then
    redis.call('HDEL', ids, removal)
  end
  if #removals > 0 then
    redis.call('XDEL', idlog, unpack(removals))
  end
  return last and '(' .. last
end
