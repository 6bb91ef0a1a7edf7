// Generated from lua/ by `pnpm generate`. Do not edit.
import type { Arg, Reply, Script } from './script.ts'

/**
 * Read the rows around a member.
 *
 * - key `board`: sorted set
 * - `member`: member
 * - `each`: rows before and after it, at the most
 * - replies the first row's rank, then member and score of each row; null without the member
 */
export const leaderboardAround: Script<[], [board: string, member: Arg, each: Arg], readonly Reply[] | null> = {
  name: 'leaderboard/around',
  sha: 'c05b12b2c41bcc7efbd2f65391a07e437217595c',
  batch: 8,
  sharedKeys: false,
  shared: [],
  keys: ["board"],
  args: ["member","each"],
  returns: 'list|null',
  text: `#!lua flags=no-writes
local function item(board, member, each)
  local rank = redis.call('ZREVRANK', board, member)
  if not rank then
    return nil
  end
  local start = math.max(0, rank - each)
  local reply = redis.call('ZREVRANGE', board, start, rank + each, 'WITHSCORES')
  table.insert(reply, 1, start)
  return reply
end
local replies, key, arg = {}, 0, 0
for i = 1, #KEYS / 1 do
  local ok, reply = pcall(item, KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 1, arg + 2
end
return replies`,
}

/**
 * Add to a member's score.
 *
 * - key `board`: sorted set
 * - `member`: member
 * - `by`: number to add
 * - replies the new score
 */
export const leaderboardIncrement: Script<[], [board: string, member: Arg, by: Arg], string> = {
  name: 'leaderboard/increment',
  sha: '9441184a26c44855407119f44a1ecdb099b47d95',
  batch: 64,
  sharedKeys: false,
  shared: [],
  keys: ["board"],
  args: ["member","by"],
  returns: 'string',
  text: `#!lua
local HARMLESS = 2 ^ 970
local function item(board, member, by)
  if math.abs(by) >= HARMLESS then
    local sum = (redis.call('ZSCORE', board, member) or 0) + by
    if math.abs(sum) == math.huge then
      return redis.error_reply('ERR the new score would be too large')
    end
  end
  return redis.call('ZINCRBY', board, by, member)
end
local replies, key, arg = {}, 0, 0
for i = 1, #KEYS / 1 do
  local ok, reply = pcall(item, KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 1, arg + 2
end
return replies`,
}

/**
 * Read rows by rank; the highest score is rank 0.
 *
 * - key `board`: sorted set
 * - `start`: first rank
 * - `stop`: last rank
 * - replies member and score of each row
 */
export const leaderboardRange: Script<[], [board: string, start: Arg, stop: Arg], readonly Reply[]> = {
  name: 'leaderboard/range',
  sha: 'e8a734d734b35a72d5eb2bf6c5941d23a9e01e7c',
  batch: 8,
  sharedKeys: false,
  shared: [],
  keys: ["board"],
  args: ["start","stop"],
  returns: 'list',
  text: `#!lua flags=no-writes
local function item(board, start, stop)
  return redis.call('ZREVRANGE', board, start, stop, 'WITHSCORES')
end
local replies, key, arg = {}, 0, 0
for i = 1, #KEYS / 1 do
  local ok, reply = pcall(item, KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 1, arg + 2
end
return replies`,
}

/**
 * Read a member's rank and score; the highest score is rank 0.
 *
 * - key `board`: sorted set
 * - `member`: member
 * - replies rank and score; null when the board does not have the member
 */
export const leaderboardRank: Script<[], [board: string, member: Arg], readonly Reply[] | null> = {
  name: 'leaderboard/rank',
  sha: 'b900ae3e087b934307add3bc0526c75b2ae141c8',
  batch: 128,
  sharedKeys: false,
  shared: [],
  keys: ["board"],
  args: ["member"],
  returns: 'list|null',
  text: `#!lua flags=no-writes
local function item(board, member)
  local rank = redis.call('ZREVRANK', board, member)
  return rank and { rank, redis.call('ZSCORE', board, member) }
end
local replies, key, arg = {}, 0, 0
for i = 1, #KEYS / 1 do
  local ok, reply = pcall(item, KEYS[key + 1], ARGV[arg + 1])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 1, arg + 1
end
return replies`,
}

/**
 * Take tokens of one subject from a single GCRA rule.
 *
 * The rule is a leaky bucket, the exact form of GCRA: a token adds `window` units to the level, a microsecond drains
 * `limit` units, and a call passes while the level stays within the capacity (burst * window). All of them are whole
 * numbers up to 2^52, so nothing is rounded (but up, when the window is changed). A denial writes nothing. The key
 * lives for at least a second longer than the level takes to drain, so that most charges of a busy subject only
 * overwrite it (SETRANGE), at a third of the cost of setting an expiry.
 *
 * take-all.lua does the same for several rules, with the same state.
 *
 * - shared `limit`: tokens that come back in a window
 * - shared `window`: microseconds
 * - shared `capacity`: the highest level
 * - key `state`: string: time of the last charge, expiry, window, level, packed as doubles
 * - `cost`: whole tokens wanted, at most the burst
 * - replies the level after the charge; when denied, minus the level minus one
 */
export const limiterTake: Script<[limit: Arg, window: Arg, capacity: Arg], [state: string, cost: Arg], number> = {
  name: 'limiter/take',
  sha: '88561dc27c9abe6c1027269f2b3a5345f7a7003f',
  batch: 64,
  sharedKeys: false,
  shared: ["limit","window","capacity"],
  keys: ["state"],
  args: ["cost"],
  returns: 'integer',
  text: `#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local limit = ARGV[1]
local window = ARGV[2]
local capacity = ARGV[3]
local call, unpacked, packed = redis.call, struct.unpack, struct.pack
limit, window, capacity = tonumber(limit), tonumber(window), tonumber(capacity)
local SIZE = 32
local SECOND = 1000000
local function item(state, cost)
  local saved = call('GET', state)
  local level, expires = 0, 0
  if saved and #saved == SIZE then
    local charged, counted
    charged, expires, counted, level = unpacked('>dddd', saved)
    if counted ~= window then
      level = math.ceil(level / counted * window)
    end
    if now > charged then
      level = level - (now - charged) * limit
      if level < 0 then
        level = 0
      end
    end
  end
  local after = level + cost * window
  if after > capacity then
    return -level - 1
  end
  if after == level then
    return level
  end
  local longest = after / limit
  if now + longest <= expires then
    call('SETRANGE', state, 0, packed('>dddd', now, expires, window, after))
  else
    local ttl = math.ceil((longest + math.max(longest, SECOND)) / 1000)
    call('SET', state, packed('>dddd', now, now + ttl * 1000, window, after), 'PX', ttl)
  end
  return after
end
local replies, key, arg = {}, 0, 3
for i = 1, #KEYS / 1 do
  local ok, reply = pcall(item, KEYS[key + 1], ARGV[arg + 1])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 1, arg + 1
end
return replies`,
}

/**
 * Take tokens of one subject from every rule, or from none.
 *
 * Each rule is a leaky bucket as in take.lua, and the state is the same: the time of the last charge, the time at
 * which the key expires, and for each rule the window that its level was counted in and the level. A denial writes
 * nothing.
 *
 * - shared `rules`: "limit window burst" of each rule, window in microseconds, separated by spaces
 * - key `state`: string: time, expiry, then window and level of each rule, packed as doubles
 * - `cost`: whole tokens wanted, at most the smallest burst
 * - replies each rule's level after the charge; when denied, minus the level minus one
 */
export const limiterTakeAll: Script<[rules: Arg], [state: string, cost: Arg], readonly number[]> = {
  name: 'limiter/take-all',
  sha: '12f2a638afa61b31fdc8bdddd73a4d1f8d614e73',
  batch: 64,
  sharedKeys: false,
  shared: ["rules"],
  keys: ["state"],
  args: ["cost"],
  returns: 'integers',
  text: `#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local rules = ARGV[1]
local call, unpacked, packed, max, ceil = redis.call, struct.unpack, struct.pack, math.max, math.ceil
local limits, windows, capacities, count = {}, {}, {}, 0
for limit, window, burst in string.gmatch(rules, '(%d+) (%d+) (%d+)') do
  count = count + 1
  limits[count] = tonumber(limit)
  windows[count] = tonumber(window)
  capacities[count] = burst * window
end
local size = 16 + 16 * count
local SECOND = 1000000
local levels = {}
local function item(state, cost)
  local tokens = tonumber(cost)
  local saved = call('GET', state)
  local elapsed, expires = 0, 0
  if saved and #saved == size then
    local charged
    charged, expires = unpacked('>dd', saved)
    elapsed = max(0, now - charged)
  else
    saved = nil
  end
  local allowed = true
  for rule = 1, count do
    local level = 0
    if saved then
      local window, before = unpacked('>dd', saved, 16 * rule + 1)
      if window ~= windows[rule] then
        before = ceil(before / window * windows[rule])
      end
      level = max(0, before - elapsed * limits[rule])
    end
    levels[rule] = level
    if level + tokens * windows[rule] > capacities[rule] then
      allowed = false
    end
  end
  if allowed and tokens > 0 then
    local after, longest = '', 0
    for rule = 1, count do
      local level = levels[rule] + tokens * windows[rule]
      levels[rule] = level
      after = after .. packed('>dd', windows[rule], level)
      longest = max(longest, level / limits[rule])
    end
    if saved and now + longest <= expires then
      call('SETRANGE', state, 0, packed('>dd', now, expires) .. after)
    else
      local ttl = ceil((longest + max(longest, SECOND)) / 1000)
      call('SET', state, packed('>dd', now, now + ttl * 1000) .. after, 'PX', ttl)
    end
  end
  local reply = {}
  for rule = 1, count do
    reply[rule] = allowed and levels[rule] or -levels[rule] - 1
  end
  return reply
end
local replies, key, arg = {}, 0, 1
for i = 1, #KEYS / 1 do
  local ok, reply = pcall(item, KEYS[key + 1], ARGV[arg + 1])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 1, arg + 1
end
return replies`,
}

/**
 * Send to who listens now; keep nothing.
 *
 * - key `live`: pub/sub channel
 * - `type`: the event's type
 * - `json`: the event's data
 * - replies how many connections were told
 */
export const notifierNudge: Script<[], [live: string, type: Arg, json: Arg], number> = {
  name: 'notifier/nudge',
  sha: 'f7de78f13ccae9106bf6ab4b6332b6a7b3b781ce',
  batch: 128,
  sharedKeys: false,
  shared: [],
  keys: ["live"],
  args: ["type","json"],
  returns: 'integer',
  text: `#!lua
local function item(live, type, json)
  return redis.call('SPUBLISH', live, '\\n' .. type .. '\\n' .. json)
end
local replies, key, arg = {}, 0, 0
for i = 1, #KEYS / 1 do
  local ok, reply = pcall(item, KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 1, arg + 2
end
return replies`,
}

/**
 * Keep an event in its channel's history and send it to who listens: both or neither.
 *
 * The history is a stream whose ids are <epoch>-<offset>: the epoch is the time at which the history began, the
 * offset counts its events without a gap. The newest event is never trimmed, so that the count goes on.
 *
 * - shared `keep`: events to keep
 * - shared `ttl`: milliseconds that the history outlives its last event
 * - shared `age`: milliseconds that an event is kept; 0 for no such bound
 * - shared `window`: milliseconds in which a publish with the same id is the same publish
 * - key `history`: stream
 * - key `once`: string, the id that the first publish of this id got; the history itself for an event without an id
 * - `live`: pub/sub channel of the same slot; no key, since a key that never exists cannot be moved with a slot
 * - `type`: the event's type
 * - `json`: the event's data
 * - `coalesce`: what the event supersedes the earlier ones of; empty for nothing
 * - `lasts`: milliseconds after which the event is not worth reading any more; 0 for as long as it is kept
 * - replies the event's id
 */
export const notifierPublish: Script<[keep: Arg, ttl: Arg, age: Arg, window: Arg], [history: string, once: string, live: Arg, type: Arg, json: Arg, coalesce: Arg, lasts: Arg], string> = {
  name: 'notifier/publish',
  sha: 'c3438801ad9c6be157103ea14762e3b1cfbca798',
  batch: 64,
  sharedKeys: false,
  shared: ["keep","ttl","age","window"],
  keys: ["history","once"],
  args: ["live","type","json","coalesce","lasts"],
  returns: 'string',
  text: `#!lua
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local function tagged(id, type, json)
  return id .. '-' .. string.sub(redis.sha1hex(type .. '\\n' .. json), 1, 6)
end
local keep = ARGV[1]
local ttl = ARGV[2]
local age = ARGV[3]
local window = ARGV[4]
local ms = math.floor(now / 1000)
age = tonumber(age)
local function trim_old(history)
  local first = redis.call('XRANGE', history, '-', '+', 'COUNT', 3)
  local cut
  for at = 1, #first - 1 do
    local at_ms = first[at][2][6]
    if at_ms and tonumber(at_ms) >= ms - age then
      break
    end
    cut = first[at + 1][1]
  end
  if cut then
    redis.call('XTRIM', history, 'MINID', '=', cut)
  end
end
local function item(history, once, live, type, json, coalesce, lasts)
  if once ~= history then
    local first = redis.call('GET', once)
    if first then
      return first
    end
  end
  local last = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)[1]
  local id
  if last then
    local epoch, offset = string.match(last[1], '(%d+)-(%d+)')
    id = epoch .. '-' .. string.format('%.0f', offset + 1)
  else
    id = string.format('%.0f-1', ms)
  end
  local name = tagged(id, type, json)
  redis.call('SPUBLISH', live, name .. '\\n' .. type .. '\\n' .. json)
  local entry = { 'XADD', history, 'MAXLEN', '~', keep, id, 't', type, 'd', json }
  if age > 0 then
    entry[#entry + 1] = 'a'
    entry[#entry + 1] = string.format('%.0f', ms)
  end
  if coalesce ~= '' then
    entry[#entry + 1] = 'c'
    entry[#entry + 1] = coalesce
  end
  if lasts ~= '0' then
    entry[#entry + 1] = 'x'
    entry[#entry + 1] = string.format('%.0f', ms + lasts)
  end
  redis.call(unpack(entry))
  redis.call('PEXPIRE', history, ttl)
  if once ~= history then
    redis.call('SET', once, name, 'PX', window)
  end
  if age > 0 then
    trim_old(history)
  end
  return name
end
local replies, key, arg = {}, 0, 4
for i = 1, #KEYS / 2 do
  local ok, reply = pcall(item, KEYS[key + 1], KEYS[key + 2], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4], ARGV[arg + 5])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 2, arg + 5
end
return replies`,
}

/**
 * Read a channel's events after a position.
 *
 * The position is lost when its epoch is not the history's, when it lies after the last event, when another event
 * stands at its offset, or when that event or the one after it is not there any more.
 *                    nothing, type and data (both empty when it is not worth reading any more); about 128 KiB
 *
 * - shared `age`: milliseconds that an event is kept; 0 for no such bound
 * - key `history`: stream
 * - `position`: <epoch>-<offset>-<tag>; 0-0 before any event; - for the oldest event kept
 * - `count`: events at the most
 * - replies 'ok' or 'lost', the last event's id or 0-0, then of each event its id, what it coalesces with or
 */
export const notifierSince: Script<[age: Arg], [history: string, position: Arg, count: Arg], readonly Reply[]> = {
  name: 'notifier/since',
  sha: '45162baf06ff42c4d486e48cc8f448f2e03fc386',
  batch: 1,
  sharedKeys: false,
  shared: ["age"],
  keys: ["history"],
  args: ["position","count"],
  returns: 'list',
  text: `#!lua flags=no-writes
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local function tagged(id, type, json)
  return id .. '-' .. string.sub(redis.sha1hex(type .. '\\n' .. json), 1, 6)
end
local age = ARGV[1]
local ms = math.floor(now / 1000)
age = tonumber(age)
local LARGEST = 131072
local NONE = {}
local function extras(fields)
  if #fields == 4 then
    return NONE
  end
  local found = {}
  for at = 5, #fields, 2 do
    found[fields[at]] = fields[at + 1]
  end
  return found
end
local function too_old(extra)
  return age > 0 and extra.a ~= nil and tonumber(extra.a) < ms - age
end
local function read(reply, history, from, count, pass)
  local bytes = 0
  while count > 0 and bytes < LARGEST do
    local events = redis.call('XRANGE', history, from, '+', 'COUNT', math.min(count, 20))
    for _, event in ipairs(events) do
      if bytes < LARGEST then
        local id, fields = event[1], event[2]
        local extra = extras(fields)
        from = '(' .. id
        local old = too_old(extra)
        if pass or not old then
          local name = tagged(id, fields[2], fields[4])
          if old or (extra.x and tonumber(extra.x) <= ms) then
            reply[#reply + 1] = { name, '', '', '' }
          else
            reply[#reply + 1] = { name, extra.c or '', fields[2], fields[4] }
            bytes = bytes + #fields[4]
          end
        end
      end
    end
    if #events < math.min(count, 20) then
      return
    end
    count = count - #events
  end
end
local function item(history, position, count)
  local last = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)[1]
  local top = last and tagged(last[1], last[2][2], last[2][4]) or '0-0'
  if position == top then
    return { 'ok', top }
  end
  local reply = { 'ok', top }
  if position == '-' then
    read(reply, history, '-', tonumber(count), true)
    return reply
  end
  local epoch, offset, tag = string.match(position, '^(%d+)-(%d+)(.*)$')
  local top_epoch, top_offset = string.match(top, '^(%d+)-(%d+)')
  offset = tonumber(offset)
  if position == '0-0' then
    epoch = top_epoch
  end
  if epoch ~= top_epoch or offset >= tonumber(top_offset) then
    return { 'lost', top }
  end
  if offset > 0 then
    local id = epoch .. '-' .. string.format('%.0f', offset)
    local seen = redis.call('XRANGE', history, id, id)[1]
    if not seen or tagged(id, seen[2][2], seen[2][4]) ~= id .. tag then
      return { 'lost', top }
    end
  end
  local first = epoch .. '-' .. string.format('%.0f', offset + 1)
  read(reply, history, first, tonumber(count), false)
  if reply[3] == nil or string.match(reply[3][1], '^%d+%-%d+') ~= first then
    return { 'lost', top }
  end
  return reply
end
local replies, key, arg = {}, 0, 1
for i = 1, #KEYS / 1 do
  local ok, reply = pcall(item, KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 1, arg + 2
end
return replies`,
}

/**
 * Read the position at the end of a channel's history.
 *
 * - key `history`: stream
 * - replies the last event's id; 0-0 before any event
 */
export const notifierTop: Script<[], [history: string], string> = {
  name: 'notifier/top',
  sha: '22a74a5c4ec3ad964c8df8ae4f502ce58d068ae0',
  batch: 64,
  sharedKeys: false,
  shared: [],
  keys: ["history"],
  args: [],
  returns: 'string',
  text: `#!lua flags=no-writes
local function tagged(id, type, json)
  return id .. '-' .. string.sub(redis.sha1hex(type .. '\\n' .. json), 1, 6)
end
local function item(history)
  local last = redis.call('XREVRANGE', history, '+', '-', 'COUNT', 1)[1]
  return last and tagged(last[1], last[2][2], last[2][4]) or '0-0'
end
local replies, key, arg = {}, 0, 0
for i = 1, #KEYS / 1 do
  local ok, reply = pcall(item, KEYS[key + 1])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 1, arg + 0
end
return replies`,
}

/**
 * Append an entry, and trim the oldest ones that every group has finished.
 *
 * Trimming starts when 64 entries more than `keep` are there and takes at most 64, so that it costs little and
 * rarely. It stops at the first entry that some group was not given or did not finish: a stalled group makes
 * the stream grow, it loses nothing.
 *
 * - shared `keep`: entries to keep
 * - shared `groups`: declared groups, separated by spaces
 * - key `stream`: stream
 * - `payload`: JSON text
 * - replies the entry's id
 */
export const streamAdd: Script<[keep: Arg, groups: Arg], [stream: string, payload: Arg], string> = {
  name: 'stream/add',
  sha: '1dbcde1d0b3314f8c23f2b4d463809b9b527e596',
  batch: 128,
  sharedKeys: false,
  shared: ["keep","groups"],
  keys: ["stream"],
  args: ["payload"],
  returns: 'string',
  text: `#!lua
local function earlier(a, b)
  local a_time, a_number = string.match(a, '(%d+)-(%d+)')
  local b_time, b_number = string.match(b, '(%d+)-(%d+)')
  if a_time ~= b_time then
    return tonumber(a_time) < tonumber(b_time)
  end
  return tonumber(a_number) < tonumber(b_number)
end
local keep = ARGV[1]
local groups = ARGV[2]
local STEP = 64
local function finished(stream)
  for group in string.gmatch(groups, '%S+') do
    redis.pcall('XGROUP', 'CREATE', stream, group, '0')
  end
  local bound = nil
  for _, pairs_of in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    local info = {}
    for at = 1, #pairs_of, 2 do
      info[pairs_of[at]] = pairs_of[at + 1]
    end
    local mine
    if info.pending > 0 then
      mine = redis.call('XPENDING', stream, info.name)[2]
    else
      local time, number = string.match(info['last-delivered-id'], '(%d+)-(%d+)')
      mine = time .. '-' .. string.format('%.0f', number + 1)
    end
    if not bound or earlier(mine, bound) then
      bound = mine
    end
  end
  return bound
end
local function trim(stream, length)
  local bound = finished(stream)
  if not bound then
    redis.call('XTRIM', stream, 'MAXLEN', '=', math.max(keep, length - STEP))
    return
  end
  local oldest = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1][1]
  if not earlier(oldest, bound) then
    return
  end
  local cut = redis.call('XRANGE', stream, '-', '+', 'COUNT', STEP + 1)[STEP + 1][1]
  if earlier(bound, cut) then
    cut = bound
  end
  redis.call('XTRIM', stream, 'MINID', '=', cut)
end
local function item(stream, payload)
  local id = redis.call('XADD', stream, '*', 'd', payload)
  local length = redis.call('XLEN', stream)
  if length > keep + STEP then
    pcall(trim, stream, length)
  end
  return id
end
local replies, key, arg = {}, 0, 2
for i = 1, #KEYS / 1 do
  local ok, reply = pcall(item, KEYS[key + 1], ARGV[arg + 1])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 1, arg + 1
end
return replies`,
}

/**
 * Move an entry to the dead letters of its group, with the reason, if the consumer still has its lease.
 *
 * About 10,000 dead letters are kept for each group.
 *
 * - key `stream`: stream
 * - key `dead`: stream of dead letters
 * - `group`: group
 * - `consumer`: who has the lease
 * - `id`: entry
 * - `attempt`: delivery that failed
 * - `reason`: why, as text
 * - replies 1 when moved, 0 when the lease was lost
 */
export const streamBury: Script<[], [stream: string, dead: string, group: Arg, consumer: Arg, id: Arg, attempt: Arg, reason: Arg], number> = {
  name: 'stream/bury',
  sha: '071c29dd0fdf9e9cfe87a1c6f64c000eab14424f',
  batch: 64,
  sharedKeys: false,
  shared: [],
  keys: ["stream","dead"],
  args: ["group","consumer","id","attempt","reason"],
  returns: 'integer',
  text: `#!lua
local function holds(stream, group, consumer, id, attempt)
  local held = redis.call('XPENDING', stream, group, id, id, 1, consumer)[1]
  return held ~= nil and held[4] == tonumber(attempt)
end
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
local replies, key, arg = {}, 0, 0
for i = 1, #KEYS / 2 do
  local ok, reply = pcall(item, KEYS[key + 1], KEYS[key + 2], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4], ARGV[arg + 5])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 2, arg + 5
end
return replies`,
}

/**
 * Take over entries whose workers gave no sign for longer than the lease.
 *
 * When none is left, consumers that hold nothing and were not seen for an hour are removed.
 *
 * - key `stream`: stream
 * - `group`: group
 * - `consumer`: who takes over
 * - `lease`: milliseconds
 * - `count`: entries at the most
 * - replies how many were found, then id, attempt and fields of each that is still in the stream
 */
export const streamClaim: Script<[], [stream: string, group: Arg, consumer: Arg, lease: Arg, count: Arg], readonly Reply[]> = {
  name: 'stream/claim',
  sha: '12fa0072c52d12fad794bc303fa6c53982dc8406',
  batch: 4,
  sharedKeys: false,
  shared: [],
  keys: ["stream"],
  args: ["group","consumer","lease","count"],
  returns: 'list',
  text: `#!lua
local HOUR = 3600000
local function reap(stream, group)
  for _, pairs_of in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
    local info = {}
    for at = 1, #pairs_of, 2 do
      info[pairs_of[at]] = pairs_of[at + 1]
    end
    if info.pending == 0 and info.idle > HOUR then
      redis.call('XGROUP', 'DELCONSUMER', stream, group, info.name)
    end
  end
end
local function item(stream, group, consumer, lease, count)
  local left = redis.call('XPENDING', stream, group, 'IDLE', lease, '-', '+', count)
  local reply = { #left }
  if #left == 0 then
    reap(stream, group)
    return reply
  end
  local claim, attempts = { 'XCLAIM', stream, group, consumer, lease }, {}
  for _, held in ipairs(left) do
    claim[#claim + 1] = held[1]
    attempts[held[1]] = held[4] + 1
  end
  for _, entry in pairs(redis.call(unpack(claim))) do
    if entry then
      reply[#reply + 1] = { entry[1], attempts[entry[1]], entry[2] }
    end
  end
  return reply
end
local replies, key, arg = {}, 0, 0
for i = 1, #KEYS / 1 do
  local ok, reply = pcall(item, KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 1, arg + 4
end
return replies`,
}

/**
 * Mark an entry as finished by its group, if the consumer still has its lease.
 *
 * - key `stream`: stream
 * - `group`: group
 * - `consumer`: who finishes
 * - `id`: entry
 * - `attempt`: delivery that is finished
 * - replies 1 when finished, 0 when the lease was lost
 */
export const streamFinish: Script<[], [stream: string, group: Arg, consumer: Arg, id: Arg, attempt: Arg], number> = {
  name: 'stream/finish',
  sha: 'd422e75ef962de1a17e101e3470bf73b2d22ef41',
  batch: 128,
  sharedKeys: false,
  shared: [],
  keys: ["stream"],
  args: ["group","consumer","id","attempt"],
  returns: 'integer',
  text: `#!lua
local function holds(stream, group, consumer, id, attempt)
  local held = redis.call('XPENDING', stream, group, id, id, 1, consumer)[1]
  return held ~= nil and held[4] == tonumber(attempt)
end
local function item(stream, group, consumer, id, attempt)
  if not holds(stream, group, consumer, id, attempt) then
    return 0
  end
  return redis.call('XACK', stream, group, id)
end
local replies, key, arg = {}, 0, 0
for i = 1, #KEYS / 1 do
  local ok, reply = pcall(item, KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 1, arg + 4
end
return replies`,
}

/**
 * Create a group that reads from the first entry on, if it is not there.
 *
 * - key `stream`: stream
 * - `group`: group
 * - replies 1 when it was created, 0 when it was there
 */
export const streamGroup: Script<[], [stream: string, group: Arg], number> = {
  name: 'stream/group',
  sha: '65572b03370a042b403fcd99d3bfcaf9bde6b2db',
  batch: 16,
  sharedKeys: false,
  shared: [],
  keys: ["stream"],
  args: ["group"],
  returns: 'integer',
  text: `#!lua
local function item(stream, group)
  local made = redis.pcall('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
  if not made.err then
    return 1
  end
  if string.match(made.err, '^BUSYGROUP') then
    return 0
  end
  return made
end
local replies, key, arg = {}, 0, 0
for i = 1, #KEYS / 1 do
  local ok, reply = pcall(item, KEYS[key + 1], ARGV[arg + 1])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 1, arg + 1
end
return replies`,
}

/**
 * Set for how long an entry's lease counts as unused, if the consumer still has it: 0 renews it, the whole
 * lease gives it up at once, anything between lets it run out sooner.
 *
 * - key `stream`: stream
 * - `group`: group
 * - `consumer`: who has the lease
 * - `id`: entry
 * - `attempt`: delivery under lease
 * - `idle`: milliseconds
 * - replies 1 when set, 0 when the lease was lost
 */
export const streamLease: Script<[], [stream: string, group: Arg, consumer: Arg, id: Arg, attempt: Arg, idle: Arg], number> = {
  name: 'stream/lease',
  sha: 'ca7f1e0f51e7a5fc3046d8ca2923846783f7dbf4',
  batch: 128,
  sharedKeys: false,
  shared: [],
  keys: ["stream"],
  args: ["group","consumer","id","attempt","idle"],
  returns: 'integer',
  text: `#!lua
local function holds(stream, group, consumer, id, attempt)
  local held = redis.call('XPENDING', stream, group, id, id, 1, consumer)[1]
  return held ~= nil and held[4] == tonumber(attempt)
end
local function item(stream, group, consumer, id, attempt, idle)
  if not holds(stream, group, consumer, id, attempt) then
    return 0
  end
  return #redis.call('XCLAIM', stream, group, consumer, 0, id, 'IDLE', idle, 'JUSTID')
end
local replies, key, arg = {}, 0, 0
for i = 1, #KEYS / 1 do
  local ok, reply = pcall(item, KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4], ARGV[arg + 5])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 1, arg + 5
end
return replies`,
}

/**
 * Give back what a consumer holds, so that others take it over at once; remove the consumer if it holds nothing.
 *
 * - key `stream`: stream
 * - `group`: group
 * - `consumer`: who leaves
 * - `lease`: milliseconds
 * - replies entries given back
 */
export const streamLeave: Script<[], [stream: string, group: Arg, consumer: Arg, lease: Arg], number> = {
  name: 'stream/leave',
  sha: 'f41d60a7f8cc5086e88fecaafc255387db9a0a26',
  batch: 1,
  sharedKeys: false,
  shared: [],
  keys: ["stream"],
  args: ["group","consumer","lease"],
  returns: 'integer',
  text: `#!lua
local function item(stream, group, consumer, lease)
  local held = redis.call('XPENDING', stream, group, '-', '+', 5000, consumer)
  if #held == 0 then
    redis.call('XGROUP', 'DELCONSUMER', stream, group, consumer)
    return 0
  end
  local ids = {}
  for at, entry in ipairs(held) do
    ids[at] = entry[1]
  end
  local claim = { 'XCLAIM', stream, group, consumer, 0, unpack(ids) }
  for _, word in ipairs({ 'IDLE', lease, 'JUSTID' }) do
    claim[#claim + 1] = word
  end
  redis.call(unpack(claim))
  return #held
end
local replies, key, arg = {}, 0, 0
for i = 1, #KEYS / 1 do
  local ok, reply = pcall(item, KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 1, arg + 3
end
return replies`,
}

/**
 * Read a page of entries: at most `count`, and after the first one at most `bytes` of fields.
 *
 * It reads by 16, so that Redis never holds more than 16 entries that do not fit into the page.
 *
 * - key `stream`: stream
 * - `first`: id to begin with, ( before it for the one after; - or +
 * - `last`: id to end with
 * - `count`: entries at the most
 * - `bytes`: of their fields at the most
 * - `order`: XRANGE or XREVRANGE
 * - replies 1 when there may be more or 0, then id and fields of each entry
 */
export const streamPage: Script<[], [stream: string, first: Arg, last: Arg, count: Arg, bytes: Arg, order: Arg], readonly Reply[]> = {
  name: 'stream/page',
  sha: '6504a98205a6eedf190fd8371bd807063e035f14',
  batch: 1,
  sharedKeys: false,
  shared: [],
  keys: ["stream"],
  args: ["first","last","count","bytes","order"],
  returns: 'list',
  text: `#!lua flags=no-writes
local STEP = 16
local function size(fields)
  local sum = 0
  for _, text in ipairs(fields) do
    sum = sum + #text
  end
  return sum
end
local function item(stream, first, last, count, bytes, order)
  local page, room, left = { 1 }, tonumber(bytes), tonumber(count)
  while left > 0 do
    local step = math.min(STEP, left)
    local found = redis.call(order, stream, first, last, 'COUNT', step)
    for _, entry in ipairs(found) do
      room = room - size(entry[2])
      if room < 0 and #page > 1 then
        return page
      end
      page[#page + 1] = entry
    end
    if #found < step then
      page[1] = 0
      return page
    end
    first = '(' .. found[step][1]
    left = left - step
  end
  return page
end
local replies, key, arg = {}, 0, 0
for i = 1, #KEYS / 1 do
  local ok, reply = pcall(item, KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4], ARGV[arg + 5])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 1, arg + 5
end
return replies`,
}

/**
 * Read entries without taking part in a group.
 *
 * - key `stream`: stream
 * - `from`: first id, or - or +
 * - `to`: last id, or - or +
 * - `count`: entries at the most
 * - `order`: XRANGE or XREVRANGE
 * - replies id and fields of each entry
 */
export const streamRange: Script<[], [stream: string, from: Arg, to: Arg, count: Arg, order: Arg], readonly Reply[]> = {
  name: 'stream/range',
  sha: '687d5b9e74577086e69f991e8fad2b96e3394f10',
  batch: 1,
  sharedKeys: false,
  shared: [],
  keys: ["stream"],
  args: ["from","to","count","order"],
  returns: 'list',
  text: `#!lua flags=no-writes
local function item(stream, from, to, count, order)
  return redis.call(order, stream, from, to, 'COUNT', count)
end
local replies, key, arg = {}, 0, 0
for i = 1, #KEYS / 1 do
  local ok, reply = pcall(item, KEYS[key + 1], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], ARGV[arg + 4])
  if not ok and type(reply) ~= 'table' then
    local text = tostring(reply)
    reply = { err = string.match(text, '^%u+ ') and text or 'ERR ' .. text }
  end
  if reply == nil then reply = false end
  replies[i] = reply
  key, arg = key + 1, arg + 4
end
return replies`,
}

export type { Reply }
