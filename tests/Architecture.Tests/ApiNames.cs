using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;

namespace QedVd.Architecture.Tests;

/// <summary>Spells types, parameters and constants the way C# does.</summary>
internal static class ApiNames
{
    private static readonly Dictionary<Type, string> s_keywords = new()
    {
        [typeof(void)] = "void", [typeof(object)] = "object", [typeof(string)] = "string", [typeof(bool)] = "bool", [typeof(char)] = "char",
        [typeof(sbyte)] = "sbyte", [typeof(byte)] = "byte", [typeof(short)] = "short", [typeof(ushort)] = "ushort", [typeof(int)] = "int",
        [typeof(uint)] = "uint", [typeof(long)] = "long", [typeof(ulong)] = "ulong", [typeof(nint)] = "nint", [typeof(nuint)] = "nuint",
        [typeof(float)] = "float", [typeof(double)] = "double", [typeof(decimal)] = "decimal",
    };

    public static string Of(Type type)
    {
        if (s_keywords.TryGetValue(type, out string? keyword))
        {
            return keyword;
        }

        if (type.IsArray)
        {
            return $"{Of(type.GetElementType()!)}[{new string(',', type.GetArrayRank() - 1)}]";
        }

        if (type.IsPointer)
        {
            return Of(type.GetElementType()!) + "*";
        }

        if (type.IsByRef)
        {
            return Of(type.GetElementType()!);
        }

        if (type.IsFunctionPointer)
        {
            return $"delegate*<{string.Join(", ", type.GetFunctionPointerParameterTypes().Append(type.GetFunctionPointerReturnType()).Select(Of))}>";
        }

        if (type.IsGenericParameter)
        {
            return type.Name;
        }

        if (Nullable.GetUnderlyingType(type) is { } value)
        {
            return Of(value) + "?";
        }

        // A nested type repeats the generic arguments of the type around it.
        Type[] arguments = type.GetGenericArguments();
        int inherited = type.DeclaringType?.GetGenericArguments().Length ?? 0;
        string scope = type.DeclaringType is { } outer
            ? Of(inherited > 0 && !type.IsGenericTypeDefinition ? outer.MakeGenericType(arguments[..inherited]) : outer) + "."
            : string.IsNullOrEmpty(type.Namespace) ? "" : type.Namespace + ".";
        string own = arguments.Length > inherited ? $"<{string.Join(", ", arguments[inherited..].Select(Of))}>" : "";
        return scope + type.Name.Split('`')[0] + own;
    }

    public static string Arguments(MethodInfo method) =>
        method.IsGenericMethodDefinition ? $"<{string.Join(", ", method.GetGenericArguments().Select(Of))}>" : "";

    public static string Parameters(MethodBase method) =>
        (method.IsDefined(typeof(ExtensionAttribute), inherit: false) ? "this " : "") + Parameters(method.GetParameters());

    public static string Parameters(ParameterInfo[] parameters) => string.Join(", ", parameters.Select(Parameter));

    public static string Return(MethodInfo method)
    {
        bool readOnly = method.ReturnParameter.IsDefined(typeof(IsReadOnlyAttribute), inherit: false);
        return $"{(method.ReturnType.IsByRef ? readOnly ? "ref readonly " : "ref " : "")}{Of(method.ReturnType)}";
    }

    public static string Constraints(MethodInfo method) => method.IsGenericMethodDefinition ? Constraints(method.GetGenericArguments()) : "";

    public static string Constraints(Type type) => type.IsGenericTypeDefinition ? Constraints(type.GetGenericArguments()) : "";

    public static string Literal(object? value, Type type) => value switch
    {
        null => type.IsValueType && Nullable.GetUnderlyingType(type) is null ? "default" : "null",
        string text => "\"" + text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"",
        char character => $"'{character}'",
        bool flag => flag ? "true" : "false",
        _ when (Nullable.GetUnderlyingType(type) ?? type) is { IsEnum: true } @enum => EnumLiteral(value, @enum),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string EnumLiteral(object value, Type type)
    {
        object member = Enum.ToObject(type, value);
        return char.IsAsciiLetter(member.ToString()![0]) ? $"{type.Name}.{member}" : $"({type.Name}){member:D}";
    }

    private static string Parameter(ParameterInfo parameter)
    {
        string passing = parameter switch
        {
            { ParameterType.IsByRef: false } => parameter.IsDefined(typeof(ParamArrayAttribute)) || parameter.IsDefined(typeof(ParamCollectionAttribute)) ? "params " : "",
            { IsOut: true } => "out ",
            { IsIn: true } => "in ",
            _ => parameter.IsDefined(typeof(RequiresLocationAttribute)) ? "ref readonly " : "ref ",
        };
        string scoped = parameter.IsDefined(typeof(ScopedRefAttribute)) ? "scoped " : "";
        string value = parameter.HasDefaultValue ? $" = {Literal(parameter.RawDefaultValue, parameter.ParameterType)}" : "";
        return $"{scoped}{passing}{Of(parameter.ParameterType)} {parameter.Name}{value}";
    }

    private static string Constraints(Type[] parameters)
    {
        var clauses = new List<string>();
        foreach (Type parameter in parameters)
        {
            GenericParameterAttributes attributes = parameter.GenericParameterAttributes;
            List<string> parts = [];
            bool isStruct = attributes.HasFlag(GenericParameterAttributes.NotNullableValueTypeConstraint);
            if (isStruct)
            {
                parts.Add("struct");
            }
            else if (attributes.HasFlag(GenericParameterAttributes.ReferenceTypeConstraint))
            {
                parts.Add("class");
            }

            parts.AddRange(parameter.GetGenericParameterConstraints().Where(one => one != typeof(ValueType)).Select(Of).Order(StringComparer.Ordinal));
            if (!isStruct && attributes.HasFlag(GenericParameterAttributes.DefaultConstructorConstraint))
            {
                parts.Add("new()");
            }

            if (attributes.HasFlag(GenericParameterAttributes.AllowByRefLike))
            {
                parts.Add("allows ref struct");
            }

            if (parts.Count > 0)
            {
                clauses.Add($" where {parameter.Name} : {string.Join(", ", parts)}");
            }
        }

        return string.Concat(clauses);
    }
}
