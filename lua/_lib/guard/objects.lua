-- `objects`: an object in a hash with a version, changed in two phases. Its fields hold JSON; ":v" has the version, ":f" the last fence that
-- wrote it. A hash without ":v" is an object that is not there (of a deleted one the fence is remembered for a while).
--
-- Invariants: versions of an id rise for ever: each is greater than the one before and at least Redis' time in microseconds, so a
-- deleted and new object is not taken for the old one. A write with a fence lower than the last one is refused.
--
-- - `objects.prepare(key, request)` reads: the plan; a text that says why not: "v version" (another version), "f fence" (a later fence wrote),
--   "n field" (no number), "l field floor|ceiling value"; or an error. `request`: {ops, whole, version, fence}; ops are ["s", field, JSON],
--   ["d", field] and ["i", field, by, floor, ceiling]; `whole` replaces all fields; `version` is false for any, 0 for none.
-- - `objects.apply(key, plan, ttl)` writes; the text "+version" and a line for each incremented field.
-- @include now
local objects = { prepare = nil, apply = nil, prepare_removal = nil, apply_removal = nil }

-- For how long the fence of a deleted object is remembered.
local REMEMBER = 3600000
local LARGEST = 9007199254740991

-- By key, the last version that this call gave: its time stands still, and an object may be deleted and new in one call.
local given = {}

-- Version and fence; the refusal where they do not fit.
local function look(key, request)
  local meta = redis.pcall('HMGET', key, ':v', ':f')
  if meta.err then
    return meta
  end
  local version, fence = tonumber(meta[1] or 0), tonumber(meta[2] or 0)
  if not version or not fence or version > LARGEST or fence > LARGEST then
    return { err = 'ERR ' .. key .. ' holds what no object wrote: delete it' }
  end
  if request.fence and request.fence < fence then
    return string.format('f %.0f', fence)
  end
  if request.version and request.version ~= version then
    return string.format('v %.0f', version)
  end
  return nil, version, math.max(fence, request.fence or 0)
end

-- A number of a field as text that JSON has too.
local function text_of(number)
  return number == math.floor(number) and math.abs(number) <= LARGEST and string.format('%.0f', number)
    or string.format('%.17g', number)
end

function objects.prepare(key, request)
  local refused, version, fence = look(key, request)
  if refused then
    return refused
  end
  local set, gone, sums, lines = {}, {}, {}, {}
  for _, op in ipairs(request.ops) do
    local kind, field = op[1], op[2]
    if kind == 's' then
      set[field] = op[3]
    elseif kind == 'd' then
      gone[#gone + 1] = field
    else
      local before = sums[field] or not request.whole and redis.pcall('HGET', key, field) or '0'
      local value = type(before) == 'string' and tonumber(before)
      if not value then
        return type(before) == 'table' and before or 'n ' .. field
      end
      local after = value + op[3]
      if op[3] < 0 and after < op[4] then
        return 'l ' .. field .. ' floor ' .. text_of(value)
      end
      if op[3] > 0 and after > op[5] then
        return 'l ' .. field .. ' ceiling ' .. text_of(value)
      end
      if after ~= after or math.abs(after) == math.huge then
        return 'n ' .. field
      end
      sums[field] = text_of(after)
      set[field] = sums[field]
      lines[#lines + 1] = sums[field]
    end
  end
  return { set = set, gone = gone, lines = lines, whole = request.whole, version = math.max(version + 1, (given[key] or 0) + 1, now), fence = fence }
end

function objects.apply(key, plan, ttl)
  given[key] = plan.version
  local fields = { ':v', string.format('%.0f', plan.version) }
  if plan.fence > 0 then
    fields[3], fields[4] = ':f', string.format('%.0f', plan.fence)
  end
  for field, json in pairs(plan.set) do
    fields[#fields + 1] = field
    fields[#fields + 1] = json
  end
  if plan.whole then
    redis.call('DEL', key)
  elseif #plan.gone > 0 then
    redis.call('HDEL', key, unpack(plan.gone))
  end
  redis.call('HSET', key, unpack(fields))
  if ttl > 0 then
    redis.call('PEXPIRE', key, ttl)
  elseif not plan.whole then
    -- What remembered only a fence had a TTL.
    redis.call('PERSIST', key)
  end
  table.insert(plan.lines, 1, fields[2])
  return '+' .. table.concat(plan.lines, '\n')
end

function objects.prepare_removal(key, request)
  local refused, version, fence = look(key, request)
  return refused or { version = version, fence = fence }
end

function objects.apply_removal(key, plan)
  redis.call('DEL', key)
  if plan.fence > 0 then
    redis.call('HSET', key, ':f', string.format('%.0f', plan.fence))
    redis.call('PEXPIRE', key, REMEMBER)
  end
  return string.format('+%.0f', plan.version)
end
