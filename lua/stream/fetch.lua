--- Fetch entries for a worker from all its sources, without waiting, for workers that share connections.
--
-- When no new entry is left for the group, the reply has the ids after which the worker waits: of each source the last id that the
-- group was given, read in the same step.
--
-- Invariant: an entry that is added after this call has a higher id than the one of its source in the reply, so an XREAD after these
-- ids returns at once if there is one. If the process dies or the reply is lost, the entries are pending for the consumer: the worker
-- reads them again (`from`), or another takes them over when their lease ends.
-- @batch 1
-- @full runs         as XREADGROUP does; without it a full server is not drained
-- @include stream/groups
-- @shared keys sources streams, in the order in which they are read
-- @shared group    group
-- @shared consumer name of the worker's consumer
-- @item arg count  most entries of each source
-- @item arg from   empty for new entries; or an id of each source, separated by spaces: entries after them that are pending for the consumer
-- @returns list    null when there may be more new entries, otherwise the last id of each source; then the reply of XREADGROUP

-- The last id that the group was given of a source; nil when there may be more after it.
local function last_of(key, full)
  for _, found in ipairs(groups(key)) do
    if found.name == group then
      return (not full or found.lag == 0) and found['last-delivered-id'] or nil
    end
  end
end

local function last_ids(found, count)
  local entries, ids = {}, {}
  for _, of in ipairs(found or {}) do
    entries[of[1]] = #of[2]
  end
  for at, key in ipairs(sources) do
    ids[at] = last_of(key, entries[key] == count)
    if not ids[at] then
      return false
    end
  end
  return ids
end

local function item(count, from)
  local args = { 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', unpack(sources) }
  if from == '' then
    for _ in ipairs(sources) do
      args[#args + 1] = '>'
    end
  else
    for id in string.gmatch(from, '%S+') do
      args[#args + 1] = id
    end
  end
  local found = redis.pcall('XREADGROUP', unpack(args))
  if found and found.err then
    return found
  end
  return { from == '' and last_ids(found, tonumber(count)), found }
end
