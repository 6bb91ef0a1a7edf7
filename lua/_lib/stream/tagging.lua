-- `tagging`: the index by which entries are found by their tags: one sorted set of a stream. An entry has two kinds of members, with its id
-- as text that sorts (sortable.lua):
--
-- - its record, of score 0: the byte 1, the id, and for each tag the byte 1 and `name=value`.
-- - for each tag, of score 1: `name=value`, the byte 1 and the id.
--
-- No name begins with the byte 1, so the records are first also as text, the oldest at the beginning: BYLEX sees one order of all members.
--
-- - `tagging.open(key, limits)` returns the object of an index. `limits`: most entries, and milliseconds for which an entry is kept.
-- - `tagging.wrong(of)` counts the entries. It returns the error when the key has another type, or the user may not run a command that the
--   other functions need. Call it before them.
-- - `tagging.put(of, id, tags)` adds an entry and removes those beyond the limits: at most MOST in a call, and by number only once there are
--   `step` too many. `tags` is the end of its record.
-- - `tagging.replace(of, id, tags)` gives an entry other tags.
--
-- Invariant: a tag has a member if and only if the record of its entry has it. Each function writes both. It runs in the script that adds the
-- entry, after everything was checked, so an entry is there with its tags, or not at all.
-- @include now
-- @include record/denied
-- @include stream/sortable
local tagging = { open = nil, wrong = nil, put = nil, replace = nil }
-- Most entries that a call removes, and tags of an entry.
local MOST, MOST_TAGS = 64, 8

function tagging.open(key, limits)
  local entries, age = string.match(limits, '(%d+) (%d+)')
  -- Removing many at once costs less for each.
  local step = math.min(MOST, math.ceil(entries / 16))
  return { key = key, entries = tonumber(entries), age = tonumber(age), step = step, count = nil, fresh = true }
end

function tagging.wrong(of)
  local count = redis.pcall('ZCOUNT', of.key, '0', '0')
  if type(count) == 'table' then
    return count
  end
  of.count = count
  return denied({ 'ZADD', 'ZREM', 'ZRANGE', 'PEXPIRE' }, of.key, {})
end

-- Appends the members of an entry to a command; with `scored` each behind its score.
local function members(command, place, tags, scored)
  command[#command + 1] = scored and '0' or nil
  command[#command + 1] = '\1' .. place .. tags
  local count = 0
  for tag in string.gmatch(tags, '\1([^\1]+)') do
    count = count + 1
    -- Only another program writes more.
    if count > MOST_TAGS then
      break
    end
    command[#command + 1] = scored and '1' or nil
    command[#command + 1] = tag .. '\1' .. place
  end
  return command
end

local function oldest(of, most)
  return redis.call('ZRANGE', of.key, '0', '0', 'BYSCORE', 'LIMIT', 0, most)
end

local function is_old(of, record)
  return tonumber(string.match(record, '^\1%a(%d+)') or 0) < now / 1000 - of.age
end

-- Removes the entries of records until one must stay. `must_go` decides.
local function remove(of, records, must_go)
  local command = { 'ZREM', of.key }
  for _, record in ipairs(records) do
    if not must_go(record) then
      break
    end
    local place, tags = string.match(record, '^\1([^\1]*)(.*)$')
    if place then
      members(command, place, tags)
    else
      -- Another program wrote it.
      command[#command + 1] = record
    end
    of.count = of.count - 1
  end
  if #command > 2 then
    redis.call(unpack(command))
  end
end

function tagging.put(of, id, tags)
  redis.call(unpack(members({ 'ZADD', of.key }, sortable(id), tags, true)))
  of.count = of.count + 1
  local fresh = of.fresh
  if fresh then
    of.fresh = false
    redis.call('PEXPIRE', of.key, of.age)
  end
  if of.count - of.entries >= of.step or fresh and is_old(of, oldest(of, 1)[1]) then
    remove(of, oldest(of, MOST), function(record)
      return of.count > of.entries or is_old(of, record)
    end)
  end
end

function tagging.replace(of, id, tags)
  local begin = '\1' .. sortable(id) .. '\1'
  local records = redis.call('ZRANGE', of.key, '[' .. begin, '(\1' .. sortable(id) .. '\2', 'BYLEX', 'LIMIT', 0, 1)
  remove(of, records, function()
    return true
  end)
  if tags ~= '' then
    tagging.put(of, id, tags)
  end
end
